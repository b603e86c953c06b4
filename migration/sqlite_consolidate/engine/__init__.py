"""Carry out a plan, prove the result, and undo it."""
