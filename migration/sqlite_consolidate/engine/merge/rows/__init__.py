"""Insert rows into a table of the target, by columns or as whole records."""
