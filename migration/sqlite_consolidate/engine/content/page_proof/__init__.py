"""Prove the pages of a database file by the page reader."""
