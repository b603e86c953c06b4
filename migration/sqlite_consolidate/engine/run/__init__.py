"""A run: its modes, stages, criteria and log, and what its stages have come to."""
