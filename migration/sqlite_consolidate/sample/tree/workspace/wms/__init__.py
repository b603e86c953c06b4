"""Workspace management system."""
