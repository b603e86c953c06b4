"""Propose the code that opens the target in place of an old database."""
