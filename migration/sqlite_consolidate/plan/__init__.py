"""What is to be done: the plan, its file format, and what is wrong with it."""
