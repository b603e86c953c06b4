"""Compute what each entry of the evidence must state from the rest of its bundle."""
