"""Judge what triggers and search indexes of the target derive from arriving rows."""
