"""One database file: how it is opened, locked, read of its schema, and what SQLite says of it."""
