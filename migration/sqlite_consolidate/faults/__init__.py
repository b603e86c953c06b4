"""Plant faults into runs on copies of a workspace, to see that every check can fail there."""
