"""sqlite-consolidate: several SQLite databases become one, and nothing is lost."""

__version__ = "0.1.0"
