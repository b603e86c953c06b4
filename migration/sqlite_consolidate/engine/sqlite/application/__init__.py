"""Give connections what only the application of a database has."""
