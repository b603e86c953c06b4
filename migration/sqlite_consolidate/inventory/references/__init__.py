"""Find references between tables by the names and values of columns."""
