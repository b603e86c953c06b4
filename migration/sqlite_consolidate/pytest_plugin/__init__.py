"""Connect the engine to pytest by options, a gate, fixtures and report hooks."""
