"""Meridian core: orchestration of agents, and what is learned from it."""
