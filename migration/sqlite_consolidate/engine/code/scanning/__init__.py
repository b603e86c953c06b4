"""Find the mentions of old databases in code, configuration and documentation."""
