"""What each entry of the evidence must say, computed again from the other files of its bundle."""
