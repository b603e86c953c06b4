"""Task queue, and decisions about its tasks."""
