"""Open, lock and inspect one database file."""
