"""Specify the limits of a run in which databases are opened."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.open_files import find_descriptor_problem
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import KEPT_READERS, DescriptorLock
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.plan.model import Source, TableMap
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, source
from tests.support.processes import run_in_child
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("files", "is_refused"), [(40, False), (400, True)])
def test_soft_limit_of_open_files_is_raised(tmp_path: Path, files: int, *, is_refused: bool) -> None:
    """A hard limit that is too low is a problem, which has the number that is needed.

    A file of a pattern needs one descriptor.
    """
    needed = 250 + KEPT_READERS + 4 + files
    plan = expand(plan_of_pattern("a/*.db"), lambda _: [f"a/{number}.db" for number in range(files)])

    def judge_under_limits() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))
        problem = find_descriptor_problem(plan, tmp_path)
        assert (problem.id if problem else "") == ("too-many-files" if is_refused else "")
        assert problem is None or str(needed) in problem.what
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == (64 if is_refused else needed)

    assert run_in_child(judge_under_limits) == 0


def test_too_many_files_leave_every_database_unread(bench: Bench) -> None:
    """No database is opened, and each is listed as one that was not read."""
    bench.database(TARGET, "CREATE TABLE t(v)")
    bench.database("a.db", "CREATE TABLE t(v)")
    plan = bench.plan(source("a.db", "t"))

    def inspect_under_limits() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        inspected = inspect_databases(plan, bench.root, bench.resources)
        assert [problem.id for problem in inspected.problems] == ["too-many-files"]
        assert inspected.unread == {TARGET: "too many files", "a.db": "too many files"}
        assert inspected.databases == []

    assert run_in_child(inspect_under_limits) == 0


def test_each_database_has_the_limits_of_the_run(bench: Bench) -> None:
    """A signal of the run ends the reading of each."""
    bench.database(TARGET, "CREATE TABLE t(v)")
    bench.database("a.db", "CREATE TABLE t(v)")
    limits = Limits()

    inspected = inspect_databases(bench.plan(source("a.db", "t")), bench.root, bench.resources, limits)

    assert [database.write_lock.limits is limits for database in inspected.databases] == [True, True]


def test_only_files_of_a_pattern_share_connections(bench: Bench) -> None:
    """A database of its own keeps its connection, and SQLite holds its lock."""
    for file in ("a.db", "b.db"):
        bench.database(file, "CREATE TABLE t(v)")
    pattern = Source(name="many", file="b*.db", tables=[TableMap(name="t")])

    inspected = bench.survey_of(expand(bench.plan(source("a.db", "t"), pattern), lambda _pattern: ["b.db"]))

    locks = {database.file: type(database.write_lock) for database in inspected.sources.values()}
    assert locks == {"a.db": WriteLock, "b.db": DescriptorLock}
