"""Read the texts that programs of other languages than Python join."""
