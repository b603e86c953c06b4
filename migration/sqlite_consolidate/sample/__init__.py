"""The sample workspace: the situation this product was asked for, built by code."""
