"""Pictures: the geometry of the report's pictures, from a record; the templates draw them as inline SVG."""
