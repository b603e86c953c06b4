"""Check a bundle of an earlier run: each file against the others."""
