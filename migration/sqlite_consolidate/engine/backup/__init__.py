"""The backup set: copies, manifest, ledger, archives, and the way back."""
