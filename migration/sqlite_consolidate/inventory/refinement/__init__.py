"""Check and correct a proposal until its own migration would accept it."""
