"""Tools around the code base."""
