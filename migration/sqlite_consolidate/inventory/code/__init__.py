"""Propose what a plan says of the code that uses the databases."""
