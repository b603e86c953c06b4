"""Sign the manifest of a run with an SSH key, and check such signatures."""
