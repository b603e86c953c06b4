"""What pytest and pytest-html have written of a run, held against its evidence."""
