"""Map source tables to target tables and copy their rows in one transaction."""
