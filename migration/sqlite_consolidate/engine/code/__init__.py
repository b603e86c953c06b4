"""Find old database names in source code and rewrite them."""
