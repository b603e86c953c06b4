"""Orchestrate agents and learn from their results."""
