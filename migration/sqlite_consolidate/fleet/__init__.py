"""Many workspaces: which there are, who runs each of them and when, and what all of them came to."""
