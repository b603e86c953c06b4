"""The way back from any point of a run: what of it stands, what stands against it, and its steps."""
