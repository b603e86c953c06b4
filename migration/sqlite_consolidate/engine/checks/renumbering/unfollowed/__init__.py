"""Find numbers that may be ids of renumbered rows and that nothing follows."""
