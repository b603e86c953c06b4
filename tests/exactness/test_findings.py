"""What the random runs have found, kept as cases; and that they judge as the stages do."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.exactness import accepting
from tests.exactness.random_run import run_over

if TYPE_CHECKING:
    import sqlite3

    from migration.plan.problem import Problem
else:
    from sqlite_utils.utils import sqlite3

STAGES = Path(__file__).parent.parent / "stages"


def _database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for statement in statements:
            con.execute(statement)


def _refused(root: Path, **tables: list[str]) -> list[Problem]:
    verdict = accepting.consolidate(run_over(root, {f"{name}.db": names for name, names in tables.items()}))
    assert verdict.untouched
    return verdict.problems


def test_text_that_cannot_be_recoded_in_two_sources_is_two_problems_and_no_other(tmp_path: Path) -> None:
    """The second is found although the first was, and nobody looks for keys among rows that are not there."""
    root = tmp_path / "workspace"
    root.mkdir()
    _database(root / "target.db", "PRAGMA encoding='UTF-16le'", "CREATE TABLE t(k PRIMARY KEY)")
    for name in ("a", "b"):
        _database(root / f"{name}.db", "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(CAST(x'ff' AS TEXT))")

    problems = _refused(root, a=["t"], b=["t"])

    assert [(one.criterion, one.subject) for one in problems] == [("values-fit", "a.db"), ("values-fit", "b.db")]


def test_a_stored_column_out_of_step_with_its_expression_is_refused(tmp_path: Path) -> None:
    """SQLite reads the stored value, integrity_check says ok, and the target would compute another."""
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

    assert [(one.criterion, one.subject) for one in problems] == [("values-fit", "a.db:t")]
    assert "column made would change" in problems[0].what


def test_what_is_computed_from_bytes_is_refused_where_the_encoding_changes_it(tmp_path: Path) -> None:
    """A blob beside ``||`` is text in the encoding of its database."""
    root = tmp_path / "workspace"
    root.mkdir()
    _database(
        root / "a.db",
        "PRAGMA encoding='UTF-16le'",
        "CREATE TABLE t(v, made AS ('of ' || v))",
        "INSERT INTO t VALUES(x'4100')",
    )

    problems = _refused(root, a=["t"])

    assert ["column made would change" in one.what for one in problems] == [True]


def test_a_random_run_is_judged_by_all_that_the_stages_look_at() -> None:
    """Each comparison that a stage of a migration calls is called here as well."""
    here = Path(accepting.__file__).read_text("utf-8")
    stages = [path.read_text("utf-8") for path in STAGES.glob("test_[1-9][0-5]_*.py")]

    called = {name for text in stages for name in re.findall(r"\b(?:compare|archive)\.\w+", text)}

    assert len(called) >= 15
    assert {name for name in called if f"{name}(" not in here} == set()
