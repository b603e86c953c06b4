"""Define the modes, stages, criteria and log of a run, and hold its results."""
