"""Match rows of a source with rows of the target that have other keys."""
