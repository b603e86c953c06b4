"""Run each trial on a copy of a workspace, in a separate process, and judge its result."""
