"""The relations between tables that models and builders of queries state."""
