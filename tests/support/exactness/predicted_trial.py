"""Run over a drawn workspace, and compare how that ends with the prediction of an oracle."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.plan.model import Source

    Rows = Sequence[Mapping[str, Any]]


class Refused(Exception):  # noqa: N818 -- a prediction, and no error
    """The run has to be refused."""


def run_as_predicted(root: Path, sources: list[Source], predict: Callable[[], Callable[[], list[str]]]) -> list[str]:
    """Run over a workspace, and return how that ended.

    Args:
        root: The workspace.
        sources: The sources of its plan.
        predict: Raises ``Refused``, or returns what compares the target of an accepted run with the prediction.

    Raises:
        AssertionError: The run ended otherwise than predicted, or a refused run changed a file.
    """
    before = files(root)
    compare, reason = None, ""
    try:
        compare = predict()
    except Refused as refusal:
        reason = str(refusal)
    verdict = consolidate(run_of(root, sources))
    if verdict.accepted:
        assert compare is not None, f"accepted, and {reason}"
        wrong = compare()
        assert not wrong, wrong
        return ["accepted"]
    assert compare is None, verdict.words
    assert verdict.untouched, verdict.words
    assert files(root) == before, verdict.words
    return [f"refused: {reason}"]


def differences(expected: Mapping[str, Rows], after: Mapping[str, Rows]) -> list[str]:
    """Return the rows that only one side has, storage class by storage class."""
    texts = []
    for name, rows in expected.items():
        wanted, present = (Counter(map(repr, (sorted(row.items()) for row in side))) for side in (rows, after[name]))
        texts += [f"{name}: missing {row}" for row in wanted - present]
        texts += [f"{name}: extra {row}" for row in present - wanted]
    return texts


def is_equal(left: Any, right: Any, collation: str) -> bool:
    """Compare two values with IS under a collation."""
    if isinstance(left, str) and isinstance(right, str):
        return collated(left, collation) == collated(right, collation)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return type(left) is type(right) and bool(left == right)


def collated(text: str, collation: str) -> str:
    """Return a text that is equal to those to which a collation makes it equal."""
    if collation == "NOCASE":
        return "".join(char.lower() if char.isascii() else char for char in text)
    return text.rstrip(" ") if collation == "RTRIM" else text
