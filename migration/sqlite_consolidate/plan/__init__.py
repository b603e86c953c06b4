"""Define the plan, read it from its file, and find its mistakes."""
