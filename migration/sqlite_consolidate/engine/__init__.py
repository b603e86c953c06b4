"""How it is done: databases, code, applications, and the way back."""
