"""One answer: how a message of refusal shows the id under which docs/troubleshooting.md says more about it."""

from __future__ import annotations


def marked(*parts: str, id: str) -> str:
    """Return the parts that are not empty as one text that ends with the id: ``is locked. Stop it. [in-use]``."""
    return " ".join([*filter(None, parts), f"[{id}]"])
