"""Choose the rows that move, and prove that they were these."""
