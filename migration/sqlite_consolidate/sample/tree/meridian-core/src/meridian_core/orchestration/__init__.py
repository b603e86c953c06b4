"""Orchestration: the task queue and the decisions about it."""
