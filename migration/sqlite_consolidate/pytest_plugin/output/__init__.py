"""What a run shows: in the terminal while it goes on and at its end, and in the HTML report."""
