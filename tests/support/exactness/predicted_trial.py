"""Run over a drawn workspace, and compare how that ends with the prediction of an oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tests.support.exactness.accepting import consolidate
from tests.support.exactness.exact import files
from tests.support.exactness.random_run import run_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.plan.model import Source

D = TypeVar("D")
S = TypeVar("S")
Rows = Sequence[Mapping[str, Any]]


class Refused(Exception):  # noqa: N818 -- a prediction, and no error
    """The run has to be refused."""


@dataclass(frozen=True)
class DrawnKind(Generic[D, S]):
    """Hold the functions that draw, write and predict workspaces of one kind.

    Attributes:
        draw: Draws the workspace of a seed.
        write: Creates its databases in a folder.
        planned: Returns the sources of its plan.
        predict: Returns the predicted target, or raises ``Refused``.
        numbered: Returns the predicted rows with the keys that the target has.
        read: Returns the rows of the target.
    """

    draw: Callable[[int], D]
    write: Callable[[D, Path], None]
    planned: Callable[[D], list[Source]]
    predict: Callable[[D], S]
    numbered: Callable[[D, S, Any], Mapping[str, Rows]]
    read: Callable[[Path, D], Mapping[str, Rows]]


def predicted_trial(kind: DrawnKind[D, S], seed: int, folder: Path) -> list[str]:
    """Run over the workspace of a seed, and return how that ended.

    Raises:
        AssertionError: The run ended otherwise than the oracle predicts, or a refused run changed a file.
    """
    drawn, root = kind.draw(seed), folder / "workspace"
    root.mkdir()
    kind.write(drawn, root)
    before = files(root)
    predicted, reason = None, ""
    try:
        predicted = kind.predict(drawn)
    except Refused as refusal:
        reason = str(refusal)
    verdict = consolidate(run_of(root, kind.planned(drawn)))
    if verdict.accepted:
        assert predicted is not None, f"accepted, and {reason}"
        after = kind.read(root / "target.db", drawn)
        wrong = differences(kind.numbered(drawn, predicted, after), after)
        assert not wrong, wrong
        return ["accepted"]
    assert predicted is None, verdict.words
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
