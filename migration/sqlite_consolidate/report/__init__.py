"""Evidence, and what is made of it: verdict, JSON, text, HTML."""
