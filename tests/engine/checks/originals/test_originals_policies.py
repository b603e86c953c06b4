"""Specify that originals do not miss the rows that a conflict policy drops."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals as originals
from sqlite_consolidate.engine.checks.comparison.by_originals import changed_row_findings
from sqlite_consolidate.engine.checks.comparison.compare import rows_counted, rows_exact
from sqlite_consolidate.plan.model import Plan

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.observation import Observation
else:
    from sqlite_utils.utils import sqlite3

TABLE = "CREATE TABLE m(id INTEGER PRIMARY KEY, u UNIQUE, b);"
OURS, THEIRS = "(5, 'x', 'source'), (6, NULL, 'source')", "(1, 'x', 'target')"
KEPT = ("(6, NULL, 'source')", "(9, 'z', 'target')")


def database(path: Path, rows: str) -> None:
    """Create a database with rows of the table m."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as con:
        con.executescript(f"{TABLE} INSERT INTO m VALUES {rows}")


def judged(tmp_path: Path, policy: str, present: str, before: str) -> list[Observation]:
    """Compare the rows of a target with its rows before and with those of the source."""
    kept, scratch = tmp_path / "kept", tmp_path / "scratch"
    scratch.mkdir()
    database(kept / "a.db", OURS)
    database(kept / "target.db", before)
    database(tmp_path / "workspace" / "target.db", present)
    table = {"name": "m", "on_conflict": policy} | ({"newer": "b"} if policy == "prefer-newer" else {})
    source = {"name": "a", "file": "a.db", "table": [table]}
    plan = Plan.model_validate({"format": 1, "name": "hand", "target": "target.db", "source": [source]})
    with ExitStack() as stack:
        target = originals.copy_originals(plan, kept, tmp_path / "workspace", scratch)
        compared = originals.compare_with_originals(plan, scratch, target, stack)
        assert changed_row_findings(compared.row_matches) == []
        return [*rows_counted(compared), *rows_exact(compared)]


@pytest.mark.parametrize(
    ("policy", "present", "expected"),
    [
        ("prefer-target", "(1, 'x', 'target'), (6, NULL, 'source')", True),
        ("prefer-source", "(5, 'x', 'source'), (6, NULL, 'source')", True),
        ("prefer-target", "(1, 'x', 'target')", False),
    ],
    ids=["dropped", "replaced", "lost"],
)
def test_row_dropped_for_another_key_is_not_missed(tmp_path: Path, policy: str, present: str, expected: bool) -> None:
    """The row 5 of the source has the unique value of the row 1 of the target."""
    results = judged(tmp_path, policy, present, THEIRS)

    assert {result.holds for result in results if result.subject == "a.db:m -> m"} == {expected}


@pytest.mark.parametrize(("present", "lost"), [(KEPT, set()), (KEPT[:1], {"target.db:m -> m"})], ids=["kept", "lost"])
@pytest.mark.parametrize("policy", ["prefer-target", "prefer-source", "prefer-newer"])
def test_lost_row_of_target_is_missed_by_each_policy(
    tmp_path: Path, policy: str, present: Sequence[str], lost: set[str]
) -> None:
    """No row of the source replaces the row 9 of the target."""
    winner = "(5, 'x', 'source')" if policy == "prefer-source" else THEIRS  # "target" is above "source"

    results = judged(tmp_path, policy, ", ".join([winner, *present]), f"{THEIRS}, (9, 'z', 'target')")

    assert {result.subject for result in results if not result.holds} == lost


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
@pytest.mark.parametrize("policy", ["prefer-target", "prefer-source", "prefer-newer"])
def test_rows_that_all_lose_their_keys_are_not_missed(tmp_path: Path, policy: str, lost: bool) -> None:
    """The target had rows under both keys of the source."""
    before = "(5, 'y', 'target'), (6, NULL, 'target')"  # "target" is above "source"
    rows, side = (OURS, "a.db:m") if policy == "prefer-source" else (before, "target.db:m")
    present = rows.partition(", (6")[0] if lost else rows

    results = judged(tmp_path, policy, present, before)

    assert {result.subject for result in results if not result.holds} == ({f"{side} -> m"} if lost else set())


CREATE = "CREATE TABLE m(u UNIQUE, b UNIQUE);"


def judged_by_rowid(tmp_path: Path, declarations: dict[str, str], rows: dict[str, str]) -> dict[str, bool]:
    """Compare the rows of a target and their rowids with two sources."""
    kept, workspace, scratch = tmp_path / "kept", tmp_path / "workspace", tmp_path / "scratch"
    for name, values in rows.items():
        path = (workspace if name == "target" else kept) / f"{name}.db"
        path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path)) as con:
            con.executescript(f"{declarations.get(name, CREATE)} INSERT INTO m(rowid, u, b) VALUES {values}")
    table = {"name": "m", "on_conflict": "prefer-target"}
    sources = [{"name": name, "file": f"{name}.db", "table": [table]} for name in "ab"]
    plan = Plan.model_validate({"format": 1, "name": "hand", "target": "target.db", "source": sources})
    scratch.mkdir()
    with ExitStack() as stack:
        target = originals.copy_originals(plan, kept, workspace, scratch)
        results = rows_exact(originals.compare_with_originals(plan, scratch, target, stack))
    return {result.subject: result.holds for result in results if result.subject in {"a.db:m -> m", "b.db:m -> m"}}


@pytest.mark.parametrize(("rowid", "holds"), [(1, True), (7, False)], ids=["at-that-of-the-source", "at-another"])
def test_row_kept_for_equal_one_keeps_rowid(tmp_path: Path, rowid: int, holds: bool) -> None:
    """Keep one of two equal rows. Rowids count, because a row without a key has nothing else."""
    rows = {"a": "(1, 'x', NULL), (2, NULL, NULL)", "b": "(4, 'x', NULL)"}

    results = judged_by_rowid(tmp_path, {}, {**rows, "target": f"({rowid}, 'x', NULL), (2, NULL, NULL)"})

    assert results == {"a.db:m -> m": holds, "b.db:m -> m": holds}


@pytest.mark.parametrize("row", ["'x', NULL", "NULL, 'x'"], ids=["first-key", "further-key"])
@pytest.mark.parametrize("rowid", [1, 4], ids=["of-the-other", "of-one"])
def test_equal_rows_of_one_source_are_kept_once(tmp_path: Path, row: str, rowid: int) -> None:
    """A policy drops all others, because only the target has a key."""
    rows = {"a": f"(1, {row}), (2, NULL, NULL)", "b": f"(4, {row}), (5, {row}), (6, NULL, 'y')"}
    if rowid == 4:
        rows["a"] = "(2, NULL, NULL)"
    present = f"({rowid}, {row}), (2, NULL, NULL), (6, NULL, 'y')"

    results = judged_by_rowid(tmp_path, {"b": "CREATE TABLE m(u, b);"}, {**rows, "target": present})

    assert results == {"a.db:m -> m": True, "b.db:m -> m": True}


def test_lost_row_without_a_key_is_missed(tmp_path: Path) -> None:
    """No policy decides about rows whose key is NULL."""
    rows = {"a": "(1, 'x', NULL)", "b": "(4, NULL, NULL), (5, NULL, NULL)"}

    results = judged_by_rowid(
        tmp_path, {"b": "CREATE TABLE m(u, b);"}, {**rows, "target": "(1, 'x', NULL), (4, NULL, NULL)"}
    )

    assert results == {"a.db:m -> m": True, "b.db:m -> m": False}
