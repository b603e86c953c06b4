"""WMS: the workspace management system."""
