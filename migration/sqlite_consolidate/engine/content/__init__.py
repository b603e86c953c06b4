"""The rows of a database: digests, dumps, projections, and which rows differ."""
