"""Workspace: the tools around the code base."""
