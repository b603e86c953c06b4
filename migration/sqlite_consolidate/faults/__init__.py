"""Plant faults into runs on copies of a workspace, to show that every check can fail."""
