"""Follow the references of moved rows from source to target."""
