"""Check the files that pytest and pytest-html write into a bundle."""
