"""Check the criteria of a consolidation, with one module for each group of stages."""
