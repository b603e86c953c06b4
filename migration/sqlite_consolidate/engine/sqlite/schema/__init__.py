"""What the schema of one database declares: its objects, what they depend on, and how statements compare."""
