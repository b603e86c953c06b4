"""The checks of the criteria of a consolidation, by stage."""
