"""Make the evidence of a run, and its verdict, JSON, text and HTML."""
