"""Provide a PYTHONPATH folder for Python programs that run on a copy of the workspace."""
