"""Define what an operator can ask for, which is to consolidate, roll back, or judge."""
