"""Judge the constants that a plan gives to the rows of a source."""
