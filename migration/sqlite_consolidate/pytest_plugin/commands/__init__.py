"""Run commands that concern more than one run."""
