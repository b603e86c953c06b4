"""A folder for PYTHONPATH: what a Python program gets along that runs on a copy of the workspace."""
