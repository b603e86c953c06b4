"""All that knows pytest: options, gate, fixtures, progress, report hooks."""
