"""What a command line can ask for beside one run."""
