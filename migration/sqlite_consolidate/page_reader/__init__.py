"""Prove the pages of a database file in C, without SQLite."""
