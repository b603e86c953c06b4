"""Specify which files of a pattern are asked about because they may be copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.refinement.near_copies import find_near_copies
from tests.support.workspaces.inventory_folder import MAIN, proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

PAYMENTS = "CREATE TABLE payment(id INTEGER PRIMARY KEY, receipt TEXT); INSERT INTO payment VALUES {};"
KINDS = "CREATE TABLE kind(id INTEGER PRIMARY KEY, word TEXT); INSERT INTO kind VALUES (1, 'cash'), (2, 'card'){};"
STEPS = "CREATE TABLE step(id INTEGER PRIMARY KEY, place INTEGER); INSERT INTO step VALUES (1, 2), (2, 1), (3, {});"


def month(number: int, *receipts: str) -> str:
    """Return a shard with its receipts, kinds that most shards have, and small numbers."""
    texts = receipts or [f"R{number}-{row}" for row in range(1, 4)]
    rows = ", ".join(f"({row}, '{text}')" for row, text in enumerate(texts, 1))
    return PAYMENTS.format(rows) + KINDS.format(", (3, 'cheque')" * (number > 1)) + STEPS.format(number % 2)


def copies_of(root: Path, **databases: str) -> list[tuple[object, ...]]:
    """Return the copies among some files, whose tables all count."""
    for name, sql in databases.items():
        execute(root / f"{name}.db", sql)
    read = [inspect_file(root, candidate) for candidate in discover(root).candidates]
    return [tuple(copy) for copy in find_near_copies(root, read, {"payment", "kind", "step"})]


MONTHS = {f"m{number}": month(number) for number in range(1, 5)}


@pytest.mark.parametrize(
    ("receipts", "copies"),
    [
        (("R2-1", "R2-2"), [("m2-fix.db", "m2.db", 2, 2)]),
        (("R2-1", "R2-2", "R2-3", "new"), [("m2.db", "m2-fix.db", 3, 3)]),
        (("R2-1", "a", "b"), []),
        (("R2-1", "R2-2", "b"), []),
        (("R2-2", "R2-3", "R2-1"), []),
    ],
    ids=["fewer rows", "more rows", "one row", "two of three", "other keys"],
)
def test_most_rows_of_another_file_make_a_copy(
    tmp_path: Path, receipts: tuple[str, ...], copies: list[tuple[object, ...]]
) -> None:
    """Rows of most files and rows of small numbers do not count."""
    assert copies_of(tmp_path, **MONTHS, **{"m2-fix": month(2, *receipts)}) == copies


def test_each_of_several_copies_is_found(tmp_path: Path) -> None:
    """Each is compared with the first file that has its rows."""
    receipts = ["R2-1", "R2-2", "R2-3"]
    copies = copies_of(tmp_path, **MONTHS, **{"m2-a": month(2, *receipts), "m2-b": month(2, *receipts, "b")})

    assert {each[0] for each in copies} | {each[1] for each in copies} == {"m2.db", "m2-a.db", "m2-b.db"}


def test_large_values_end_the_comparison(tmp_path: Path) -> None:
    """A photo in the first row is enough, and no further row of its table is read."""
    first, others = "INSERT INTO payment VALUES (0, zeroblob(1000001));", "INSERT INTO payment VALUES (9, 'new');"
    copies = copies_of(tmp_path, **{**MONTHS, "m2": MONTHS["m2"] + first, "m2-fix": MONTHS["m2"] + first + others})

    assert [each[2:] for each in copies] == [(1, 1)]


@pytest.mark.parametrize(("step", "decisions"), [(0, 1), (10, 0)], ids=["new keys", "keys stay"])
def test_doubled_rows_of_a_copy_are_a_decision(tmp_path: Path, step: int, decisions: int) -> None:
    """Equal rows under keys that stay become one row."""
    receipts = {f"m{number}": (number, "abc") for number in range(1, 5)} | {"m2-fix": (2, "ab")}
    rows = {
        name: ", ".join(f"({row + number * step}, 'R{number}-{letter}')" for row, letter in enumerate(letters, 1))
        for name, (number, letters) in receipts.items()
    }
    months = {name: PAYMENTS.format(text) for name, text in rows.items()}
    refined = proposal_of(tmp_path, main=MAIN + PAYMENTS.format("(99, 'old')"), **months)

    [source] = refined.proposal.sources
    asked = [text for text in source.questions if "m2-fix.db: 2 of 2 rows in m2.db" in text]
    assert (len(asked), refined.objections) == (decisions, ())
