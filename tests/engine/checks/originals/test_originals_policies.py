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


@pytest.mark.parametrize(("rowid", "holds"), [(1, True), (7, False)], ids=["at-that-of-the-source", "at-another"])
def test_row_kept_for_equal_one_keeps_rowid(tmp_path: Path, rowid: int, holds: bool) -> None:
    """Keep one of two equal rows. Rowids count, because a row without a key has nothing else."""
    kept, workspace, scratch = tmp_path / "kept", tmp_path / "workspace", tmp_path / "scratch"
    files = {kept / "a.db": "(1, 'x'), (2, NULL)", kept / "b.db": "(4, 'x')"}
    files[workspace / "target.db"] = f"({rowid}, 'x'), (2, NULL)"
    for path, rows in files.items():
        path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path)) as con:
            con.executescript(f"CREATE TABLE m(u UNIQUE); INSERT INTO m(rowid, u) VALUES {rows}")
    table = {"name": "m", "on_conflict": "prefer-target"}
    sources = [{"name": name, "file": f"{name}.db", "table": [table]} for name in "ab"]
    plan = Plan.model_validate({"format": 1, "name": "hand", "target": "target.db", "source": sources})
    scratch.mkdir()

    with ExitStack() as stack:
        target = originals.copy_originals(plan, kept, workspace, scratch)
        results = rows_exact(originals.compare_with_originals(plan, scratch, target, stack))

    subjects = {"a.db:m -> m", "b.db:m -> m"}
    assert {result.subject: result.holds for result in results if result.subject in subjects} == dict.fromkeys(
        subjects, holds
    )
