"""The backup set: copies, manifest, ledger, archives, and below it the way back."""
