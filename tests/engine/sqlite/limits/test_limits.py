"""Specify that the limits of one run do not affect another run."""

from __future__ import annotations

import math
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.content.digest import digest_table
from sqlite_consolidate.engine.run.verdict import verdict
from sqlite_consolidate.engine.sqlite.connections import Connection, limits_of, open_memory
from sqlite_consolidate.engine.sqlite.limits import PROGRESS_ROWS, Limits
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.plan.loader import load
from tests.support.workspaces.two_sources import a_run, build_two_sources, consolidate, execute, plan_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.workspaces.whole_run import Workspace
else:
    from sqlite_utils.utils import sqlite3

_LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT max(i) FROM n"


def _pass(limits: Limits) -> None:
    limits.deadline.until = -math.inf


def _interrupt(limits: Limits) -> None:
    limits.interrupted.set()


@pytest.mark.parametrize("end", [_pass, _interrupt])
def test_statement_ends_by_its_own_limits(end: Callable[[Limits], None]) -> None:
    """SQLite ends the statement of the connection that carries the limits, and no other."""
    first, second = Limits(), Limits()
    with closing(open_memory(first)) as ended, closing(open_memory(second)) as other:
        end(first)

        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            ended.execute(_LONG)

        assert other.execute(_LONG).fetchone() == (100_000,)


def test_survey_leaves_next_its_time(tmp_path: Path) -> None:
    """The deadline ends the first survey. The second reads the same databases to the end."""
    root = build_two_sources(tmp_path / "workspace")
    first, second = Limits(), Limits()
    _pass(first)

    with ExitStack() as write_locks:
        late = inspect_databases(plan_of(root), root, write_locks, first)
    with ExitStack() as write_locks:
        databases = inspect_databases(plan_of(root), root, write_locks, second)

    assert {(problem.subject, problem.id) for problem in late.problems} >= {
        (file, "out-of-proportion") for file in ("workspace.db", "logs/tasks.db", "logs/notes.db")
    }
    assert databases.problems == []
    assert databases.sources.keys() == {"tasks", "notes"}
    assert second.deadline.until == math.inf


def test_connections_of_a_survey_carry_its_limits(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several checks let SQLite compile triggers and other declarations in memory."""
    execute(workspace.root / "main.db", "CREATE TABLE tags(task TEXT REFERENCES tasks(id), tag TEXT NOT NULL)")
    limits, carried = Limits(), list[Limits]()

    def carry(con: Connection, given: Limits) -> None:
        vars(con)["limits"] = given
        carried.append(given)

    monkeypatch.setattr(Connection, "limits", property(lambda con: vars(con)["limits"], carry), raising=False)
    with ExitStack() as write_locks:
        databases = inspect_databases(load(workspace.plan), workspace.root, write_locks, limits)

    assert databases.problems == []
    assert {id(given) for given in carried} == {id(limits)}


def test_rows_count_for_their_own_run() -> None:
    """The progress of one connection's limits does not show in that of the other's."""
    first, second = Limits(), Limits()
    with closing(open_memory(first)) as con, closing(open_memory(second)) as other:
        for connection, rows in ((con, 2 * PROGRESS_ROWS), (other, PROGRESS_ROWS)):
            connection.execute("CREATE TABLE t(a)")
            connection.executemany("INSERT INTO t VALUES(?)", [(n,) for n in range(rows)])
            digest_table(connection, read_schema(connection).tables["t"])

    assert (first.progress.done, second.progress.done) == (2 * PROGRESS_ROWS, PROGRESS_ROWS)


def test_two_runs_share_no_limits(tmp_path: Path) -> None:
    """Each run in one process has its own limits."""
    first, second = (a_run(build_two_sources(tmp_path / name)) for name in ("first", "second"))

    consolidate(first)
    untouched = second.limits.progress.total
    consolidate(second)

    assert verdict(first.log) == verdict(second.log) == "accepted"
    assert untouched == 0
    assert first.limits.progress.total > 0
    for run in (first, second):
        assert run.reader.limits is run.limits
        assert {id(facts.write_lock.limits) for facts in run.inspected.sources.values()} == {id(run.limits)}


def test_connection_from_elsewhere_is_not_limited() -> None:
    """A connection that SQLite's module opened itself gets limits that nothing has set."""
    with closing(sqlite3.connect(":memory:")) as con:
        assert not limits_of(con).must_stop()
