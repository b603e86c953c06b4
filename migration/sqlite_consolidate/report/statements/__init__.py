"""State in words what a run has shown."""
