"""Build the sample workspace for trying the tool."""
