"""Read what the schema of a database declares, and compare its statements."""
