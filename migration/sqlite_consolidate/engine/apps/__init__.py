"""Run the smoke tests of applications and observe their processes, logs and files."""
