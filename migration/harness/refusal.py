"""Refusal: pytest does not start a run; nothing was touched, and the exit code is 4."""

from __future__ import annotations

import pytest

from migration.plan.message import marked
from migration.plan.printable import printable


def refusal(text: str, *, id: str) -> pytest.UsageError:
    """Return what to raise when nothing can be begun; pytest shows it without a traceback.

    Args:
        text: A sentence of fact, and what to do.
        id: Name of the message, which docs/troubleshooting.md explains: ``"under-way"``.
    """
    return pytest.UsageError(printable(marked(text, id=id)))
