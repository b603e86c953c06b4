"""Test cases that the random runs have found."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import stages_of
from tests.support.exactness import accepting
from tests.support.exactness.random_run import run_over

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.run.run_log import Evidence
else:
    from sqlite_utils.utils import sqlite3


def _database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for statement in statements:
            con.execute(statement)


def _refused(root: Path, **tables: list[str]) -> list[Evidence]:
    verdict = accepting.consolidate(run_over(root, {f"{name}.db": names for name, names in tables.items()}))
    assert verdict.untouched
    return verdict.problems


def test_invalid_text_in_two_sources_is_two_problems(tmp_path: Path) -> None:
    """The second problem is found after the first, and no key is looked up in missing rows."""
    root = tmp_path / "workspace"
    root.mkdir()
    _database(root / "target.db", "PRAGMA encoding='UTF-16le'", "CREATE TABLE t(k PRIMARY KEY)")
    for name in ("a", "b"):
        _database(root / f"{name}.db", "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(CAST(x'ff' AS TEXT))")

    problems = _refused(root, a=["t"], b=["t"])

    assert [(problem.criterion, problem.subject) for problem in problems] == [
        ("values-fit", "a.db"),
        ("values-fit", "b.db"),
    ]


def test_stored_column_that_differs_from_its_expression_is_refused(tmp_path: Path) -> None:
    """SQLite reads the stored value, and the target would compute another."""
    root = tmp_path / "workspace"
    root.mkdir()
    _database(
        root / "a.db",
        "CREATE TABLE t(v, made AS (v + 1) STORED)",
        "INSERT INTO t VALUES(1)",
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_schema SET sql = replace(sql, 'v + 1', 'v + 2')",
    )

    problems = _refused(root, a=["t"])

    assert [(problem.criterion, problem.subject) for problem in problems] == [("values-fit", "a.db:t")]
    assert "column made would change" in problems[0].observed


def test_value_computed_from_bytes_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """``||`` takes a blob as text in the encoding of its database."""
    root = tmp_path / "workspace"
    root.mkdir()
    _database(
        root / "a.db",
        "PRAGMA encoding='UTF-16le'",
        "CREATE TABLE t(v, made AS ('of ' || v))",
        "INSERT INTO t VALUES(x'4100')",
    )

    problems = _refused(root, a=["t"])

    assert ["column made would change" in problem.observed for problem in problems] == [True]


def test_random_run_checks_every_criterion(tmp_path: Path) -> None:
    """A run that is accepted here has passed every criterion of a migration."""
    root = tmp_path / "workspace"
    root.mkdir()
    _database(root / "a.db", "CREATE TABLE t(v)", "INSERT INTO t VALUES(1)")

    verdict = accepting.consolidate(run_over(root, {"a.db": ["t"]}))

    assert verdict.accepted, verdict.words
    assert list(verdict.log.results) == [id for stage in stages_of(Mode.MIGRATE) for id in criteria_in(stage)]
