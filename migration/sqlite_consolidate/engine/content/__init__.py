"""Read the rows of databases, and digest, dump, project and compare them."""
