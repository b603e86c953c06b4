"""Lock the databases of a run against other processes."""
