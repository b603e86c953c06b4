"""Derive data of the target again after rows have arrived."""
