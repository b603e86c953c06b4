"""Find tables of the target in which rows of several files meet that nothing tells apart."""
