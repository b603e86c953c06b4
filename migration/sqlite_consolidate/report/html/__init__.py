"""Draw the page of a run and the index of all runs."""
