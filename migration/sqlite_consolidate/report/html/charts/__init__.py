"""Compute the geometry of the charts that templates draw as inline SVG."""
