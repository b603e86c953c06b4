"""The tables and columns that the SQL of code names."""
