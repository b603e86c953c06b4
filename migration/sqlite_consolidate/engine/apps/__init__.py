"""Other programs: smoke tests, their processes, logs, and what they open."""
