"""Run trials, each on a copy of a workspace and in a process of its own, and judge what they came to."""
