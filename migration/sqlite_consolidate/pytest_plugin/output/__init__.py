"""Show a run on the terminal, during the run and at its end, and in the HTML report."""
