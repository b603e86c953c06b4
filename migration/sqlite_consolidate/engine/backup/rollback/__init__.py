"""Undo a run from any point, and report what changed since its COMMIT."""
