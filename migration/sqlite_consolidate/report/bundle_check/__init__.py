"""Check the files of a bundle against each other."""
