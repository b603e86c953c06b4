"""Specify that a lost row is noticed although several originals have its equal."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.comparison import by_originals, compare
from sqlite_consolidate.observation import Outcome
from tests.support.databases import TARGET, source, table

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.observation import Observation
    from tests.support.databases import Bench
else:
    from sqlite_utils.utils import sqlite3

LOG = "CREATE TABLE log(v)"
NULL_KEYS = "CREATE TABLE log(v, k INT UNIQUE)"


def judged(
    bench: Bench, now: Path, create: str, rows: Sequence[str], present: str, **keys: Any
) -> tuple[list[Observation], list[Finding]]:
    """Compare the rows of a target with those of two sources, and of the target before."""
    for file, values in zip(("a.db", "b.db", TARGET), rows, strict=False):
        bench.database(file, create, f"INSERT INTO log(v) VALUES {values}")
    plan = bench.plan(*(source(file, table("log", **keys)) for file in ("a.db", "b.db")))
    with closing(sqlite3.connect(now, isolation_level=None)) as con:
        con.execute(create)
        con.execute(f"INSERT INTO log(v) VALUES {present}")
    with ExitStack() as stack:
        compared = by_originals.compare_with_originals(plan, bench.root, now, stack)
        observations = [
            *compare.rows_counted(compared),
            *compare.rows_exact(compared),
            *compare.no_duplicates(compared),
        ]
    return observations, by_originals.changed_row_findings(compared.row_matches)


@pytest.mark.parametrize("create", [LOG, NULL_KEYS], ids=["no key", "NULL in the key"])
@pytest.mark.parametrize(
    ("rows", "present", "failed"),
    [
        (("('x')", "('x'), ('y')"), "('x'), ('y'), ('x')", []),
        (("('x')", "('x'), ('y')"), "('x'), ('y')", ["target: log"]),
        (("('x'), ('x')", "('x')"), "('x'), ('x')", ["target: log"]),
        (("('x')", "('x')", "('x')"), "('x'), ('x')", ["target: log"]),
    ],
    ids=["each", "one of two", "one of three", "one of the target"],
)
def test_lost_one_of_equal_rows_fails(
    bench: Bench, tmp_path: Path, create: str, rows: Sequence[str], present: str, failed: list[str]
) -> None:
    """Each original alone still finds its own row."""
    observations, findings = judged(bench, tmp_path / "now.db", create, rows, present)

    assert [each.subject for each in observations if each.outcome is Outcome.FAILED] == failed
    assert findings == []


def test_changed_one_of_equal_rows_is_a_finding(bench: Bench, tmp_path: Path) -> None:
    """As many rows are missing as were added."""
    observations, findings = judged(bench, tmp_path / "now.db", LOG, ("('x')", "('x')"), "('x'), ('new')")

    assert {each.outcome for each in observations} == {Outcome.PASSED}
    assert [(finding.id, finding.subject, finding.count) for finding in findings] == [("rows-changed-since", "log", 1)]


def test_equal_rows_with_new_references_are_not_examined(bench: Bench) -> None:
    """Another tool may have given their parents other numbers."""
    create = "CREATE TABLE log(v INTEGER)"
    parents = "CREATE TABLE p(id INTEGER PRIMARY KEY, name)"
    for file, rows in (("a.db", "(1, 'x')"), ("b.db", "(1, 'y')"), ("now.db", "(1, 'x'), (2, 'y')")):
        bench.database(file, parents, create, f"INSERT INTO p VALUES {rows}", "INSERT INTO log VALUES (-1)")
    log = table("log", refers=[{"column": "v", "to": "p.id"}])
    plan = bench.plan(*(source(file, table("p", keys="renumber"), log) for file in ("a.db", "b.db")))

    with ExitStack() as stack:
        compared = by_originals.compare_with_originals(plan, bench.root, bench.root / "now.db", stack)
        observations = compare.rows_counted(compared)

    (shared,) = (each for each in observations if each.subject == "target: log")
    assert shared.outcome is Outcome.NOT_EXAMINED
