"""Propose what each source of a plan moves, and under which names."""
