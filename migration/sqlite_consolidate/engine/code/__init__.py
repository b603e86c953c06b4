"""Source code: where it names old databases, and how it is rewritten."""
