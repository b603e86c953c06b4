"""Learning: proposals drawn from past performance."""
