"""Define the parts of a plan that have a subject of their own."""
