"""Check the criteria of a run, each by observations of databases, files and processes."""
