"""Back up databases and code, archive sources and undo a run."""
