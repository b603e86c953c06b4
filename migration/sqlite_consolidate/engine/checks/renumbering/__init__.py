"""Renumber the keys of sources, and find and prove what follows them."""
