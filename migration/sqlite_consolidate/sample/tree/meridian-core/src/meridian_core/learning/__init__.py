"""Draw proposals from past performance."""
