"""Plan the views of the target, and rewrite those whose tables have other names there."""
