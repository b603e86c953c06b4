"""Choose the target, and name the sources."""
