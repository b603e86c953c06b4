"""The target: table mappings, the schema that it will have, and the one transaction that fills it."""
