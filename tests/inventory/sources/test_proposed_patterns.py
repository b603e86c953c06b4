"""Test that files of one schema become one source with a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.sources.families import find_pattern
from tests.support.thorough import thorough
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal

SQL = "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE u(a); INSERT INTO u VALUES ({0});"
ROWS = f"{SQL} INSERT INTO t VALUES (1, {{0}});"
OTHER = "CREATE TABLE {0}(a); INSERT INTO {0} VALUES (1), (2), (3); CREATE TABLE {0}2(a); INSERT INTO {0}2 VALUES (1);"
MAIN = OTHER.format("m") + "CREATE TABLE m3(a); INSERT INTO m3 VALUES (1);"


def files(*names: str) -> dict[str, str]:
    """Return databases of one schema, without their endings."""
    return {name: ROWS.format(number) for number, name in enumerate(names)}


def sources(refined: RefinedProposal) -> list[tuple[str, str, int]]:
    """Return name, file and number of files of each source."""
    return [(source.name, source.file, len(source.all_files)) for source in refined.proposal.sources]


def exceptions(refined: RefinedProposal) -> list[tuple[str, int]]:
    """Return the files that patterns leave, and the number of decisions about each."""
    leaves = [leave for source in refined.proposal.sources for leave in source.leaves]
    return [(leave.table, len(leave.decide)) for leave in leaves if leave.kind == "files"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        *thorough((("phones/a", "phones/b", "phones/c"), [("phones", "phones/*.db", 3)])),
        *thorough((("log-2025-01", "log-2025-02", "log-2025-03"), [("log", "log-*.db", 3)])),
        *thorough((("tenants/a/data", "tenants/b/data", "tenants/c/data"), [("tenants", "tenants/*/data.db", 3)])),
        *thorough((("a/x1", "a/x2", "a/x3", "b/y1", "b/y2", "b/y3"), [("a", "a/x*.db", 3), ("b", "b/y*.db", 3)])),
        (
            ("a/log1", "a/log2", "a/log3", "b/log1", "b/log2", "b/log3"),
            [("log", "a/log*.db", 3), ("log_2", "b/log*.db", 3)],
        ),
    ],
)
def test_files_of_one_schema_are_one_pattern(
    tmp_path: Path, names: tuple[str, ...], expected: list[tuple[str, str, int]]
) -> None:
    """It matches these files and no others."""
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)

    refined = proposal_of(tmp_path, main=MAIN, **files(*names))

    assert sources(refined) == expected
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.parametrize(
    ("names", "others", "expected"),
    [
        (("2026-01", "2026-09"), (), "*.db"),
        (("log-2026-01", "log-2026-09"), (), "log-*.db"),
        (("log-2026-01", "log-2026-09"), ("log-2025",), "log-2026-*.db"),
        (("log-2026-01", "log-2026-09"), ("log-2026-10",), "log-2026-0*.db"),
        (("day-20260101", "day-20260109"), (), "day-*.db"),
        (("s10", "s11"), (), "s*.db"),
        (("ann", "antje"), (), "*.db"),
        (("01-log", "11-log"), (), "*-log.db"),
        (("v2-1", "v2-2"), (), "v2-*.db"),
    ],
)
def test_pattern_is_the_widest_of_these_files(
    tmp_path: Path, names: tuple[str, ...], others: tuple[str, ...], expected: str
) -> None:
    """The file of the next month or person matches it, and no other file of today."""
    for name in (*names, *others):
        (tmp_path / f"{name}.db").touch()

    assert find_pattern(tmp_path, [f"{name}.db" for name in names], "main.db")[0] == expected


@pytest.mark.parametrize("other", ["log-2025-07", *thorough("log-2025")])
def test_pattern_matches_no_other_file(tmp_path: Path, other: str) -> None:
    """The file in between has another schema."""
    names = files("log-2025-05", "log-2025-06", "log-2025-08")

    refined = proposal_of(tmp_path, **{"main": MAIN, other: OTHER.format("b"), **names})

    assert len(sources(refined)) == (4 if other == "log-2025-07" else 2)
    assert refined.objections == ()


@pytest.mark.parametrize(("table", "target"), [("sensor", "z.db"), *thorough(("t", "logs/3.db"))])
def test_target_has_no_table_of_many_files_where_possible(tmp_path: Path, table: str, target: str) -> None:
    """One of the many has a table with rows more than each other database."""
    (tmp_path / "logs").mkdir()
    logs = {f"logs/{number}": f"{ROWS.format(number)} CREATE TABLE gap(a);" for number in range(5)}
    logs["logs/3"] += "INSERT INTO gap VALUES (1)"

    refined = proposal_of(tmp_path, **logs, z=f"CREATE TABLE {table}(code TEXT); INSERT INTO {table} VALUES ('x')")

    assert refined.proposal.target == target


@pytest.mark.thorough
def test_computed_name_of_many_files_is_one_mention(tmp_path: Path) -> None:
    """One line of the code opens each of them."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "app.py").write_text('import sqlite3\n\ndef f(n):\n    return sqlite3.connect(f"logs/{n}.db")\n')

    refined = proposal_of(tmp_path, main=MAIN, **files("logs/a", "logs/b", "logs/c"))

    [note] = refined.proposal.sources[0].notes
    assert note.rpartition(": ")[2] == "1"


def test_target_of_the_schema_is_not_in_the_pattern(tmp_path: Path) -> None:
    """A pattern of a plan never means its target."""
    refined = proposal_of(tmp_path, **files("shard1", "shard2", "shard3", "shard4"))

    assert (refined.proposal.target, sources(refined)) == ("shard1.db", [("shard", "shard*.db", 3)])
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


def test_file_without_rows_is_of_the_pattern(tmp_path: Path) -> None:
    """A new tenant has no rows yet, and the pattern matches its file."""
    empty = SQL.partition("INSERT")[0]

    refined = proposal_of(tmp_path, main=MAIN, **files("x1", "x2", "x3"), x4=empty)

    assert sources(refined) == [("x", "x*.db", 4)]
    assert refined.proposal.left_out == ()
    assert refined.objections == ()


def test_damaged_file_is_an_exception_of_its_pattern(tmp_path: Path) -> None:
    """The other files are sources by the pattern, and the operator decides about this one."""
    schema = ROWS.replace("u(a)", "u(a NOT NULL)")
    bad = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE u(a NOT NULL)' WHERE name = 'u'"
    shards = {f"x{number}": schema.format(number) for number in range(1, 4)}

    refined = proposal_of(tmp_path, main=MAIN, x0=f"{ROWS.format('NULL')} {bad}", **shards)

    assert sources(refined) == [("x", "x*.db", 3)]
    assert exceptions(refined) == [("x0.db", 1)]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


def test_two_good_files_need_no_pattern(tmp_path: Path) -> None:
    """Two sources are shorter than a pattern with an exception."""
    schema = ROWS.replace("u(a)", "u(a NOT NULL)")
    bad = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE u(a NOT NULL)' WHERE name = 'u'"

    refined = proposal_of(
        tmp_path, main=MAIN, x0=schema.format(1), x1=schema.format(2), x2=f"{ROWS.format('NULL')} {bad}"
    )

    assert [file for _, file, _ in sources(refined)] == ["x0.db", "x1.db"]
    assert [(left.file, left.decide) for left in refined.proposal.left_out] == [("x2.db", True)]


def test_copy_is_an_exception_of_its_pattern(tmp_path: Path) -> None:
    """Its rows are those of another file, so there is nothing to decide."""
    refined = proposal_of(tmp_path, main=MAIN, **files("x1", "x2", "x3"), **{"x1 copy": ROWS.format(0)})

    assert sources(refined) == [("x", "x*.db", 3)]
    assert exceptions(refined) == [("x1 copy.db", 0)]
    assert refined.proposal.left_out == ()
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


def test_unreadable_file_is_an_exception_to_decide(tmp_path: Path) -> None:
    """It may have rows that were not read."""
    (tmp_path / "x9.db").write_bytes(b"SQLite format 3\0" + b"x" * 1008)

    refined = proposal_of(tmp_path, main=MAIN, **files("x1", "x2", "x10"))

    assert sources(refined) == [("x", "x*.db", 3)]
    assert exceptions(refined) == [("x9.db", 1)]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


def test_conflicted_copy_is_no_file_of_a_pattern(tmp_path: Path) -> None:
    """It is a source with a decision of its own."""
    names = {name: f"{SQL.format(0)} INSERT INTO t VALUES ({key}, 0)" for key, name in enumerate("abc")}
    other = f"{SQL.format(0)} INSERT INTO t VALUES (9, 0)"
    (tmp_path / "p").mkdir()

    refined = proposal_of(
        tmp_path, main=MAIN, **{f"p/{name}": sql for name, sql in names.items()}, **{"p/a (1)": other}
    )

    assert [file for _, file, _ in sources(refined)] == ["p/*.db", "p/a (1).db"]
    assert exceptions(refined) == [("p/a (1).db", 0)]
    assert refined.objections == ()


def test_pattern_needs_more_files_than_exceptions(tmp_path: Path) -> None:
    """Three files and two copies are three sources."""
    copies = {f"x{number} copy": ROWS.format(number - 1) for number in (1, 2)}

    refined = proposal_of(tmp_path, main=MAIN, **files("x1", "x2", "x3"), **copies)

    assert [file for _, file, _ in sources(refined)] == ["x1.db", "x2.db", "x3.db"]


def test_files_that_cannot_share_a_table_are_separate_sources(tmp_path: Path) -> None:
    """Their keys are texts, and the rows under them differ.

    No column can be added to the key, because it has a clause.
    """
    sql = "CREATE TABLE t(k TEXT PRIMARY KEY ON CONFLICT FAIL, v); INSERT INTO t VALUES ('a', {0})"

    refined = proposal_of(tmp_path, main=MAIN, **{f"x{number}": sql.format(number) for number in range(3)})

    assert [source.name for source in refined.proposal.sources] == ["x0", "x1", "x2"]
    assert [source.maps[0].into for source in refined.proposal.sources] == ["t", "x1_t", "x2_t"]
    assert [source.notes for source in refined.proposal.sources] == [()] * 3
    assert (refined.objections, refined.proposal.decisions) == ((), 2)


@pytest.mark.thorough
def test_separate_file_has_only_entries_for_its_tables(tmp_path: Path) -> None:
    """Another file of the pattern has a further table."""
    sql = "CREATE TABLE t(k TEXT PRIMARY KEY ON CONFLICT FAIL, v); CREATE TABLE u(id INTEGER PRIMARY KEY);"
    sql += "CREATE TABLE w(a); INSERT INTO t VALUES ('a', {0}); INSERT INTO u VALUES ({0}); INSERT INTO w VALUES ({0});"
    further = "CREATE TABLE s(id INTEGER PRIMARY KEY, k REFERENCES t(k)); INSERT INTO s VALUES ({0}, 'a');"
    schemas = [sql, sql + further, sql, sql + further]

    refined = proposal_of(
        tmp_path, main=MAIN, **{f"x{number}": text.format(number) for number, text in enumerate(schemas)}
    )

    tables = {source.file: {each.name for each in source.maps} for source in refined.proposal.sources}
    assert tables == {f"x{number}.db": {*"tuw", *("s" if number % 2 else "")} for number in range(4)}
    shared = {
        source.file: each.shared for source in refined.proposal.sources for each in source.maps if each.name == "s"
    }
    assert shared["x1.db"] == ()
    assert refined.problems == ()


@pytest.mark.thorough
def test_separate_files_of_two_patterns_have_different_names(tmp_path: Path) -> None:
    """The files in both folders are named alike."""
    sql = "CREATE TABLE {0}(k TEXT PRIMARY KEY ON CONFLICT FAIL, v); INSERT INTO {0} VALUES ('a', {1})"
    for folder in "ab":
        (tmp_path / folder).mkdir()

    refined = proposal_of(
        tmp_path, main=MAIN, **{f"{each}/x{number}": sql.format(each, number) for each in "ab" for number in range(3)}
    )

    assert [source.name for source in refined.proposal.sources] == ["x0", "x1", "x2", "b_x0", "b_x1", "b_x2"]
    assert refined.objections == ()


@pytest.mark.thorough
def test_separate_files_take_no_exceptions_of_their_pattern(tmp_path: Path) -> None:
    """A file of its own remains a source, and a copy is left out of the plan."""
    sql = "CREATE TABLE t(k TEXT PRIMARY KEY ON CONFLICT FAIL, v {0}); INSERT INTO t VALUES ('a', {1})"
    files = {f"x{number}": sql.format("", number) for number in range(4)}

    refined = proposal_of(tmp_path, main=MAIN, **files, x4=sql.format("TEXT", 4), **{"x3 copy": files["x3"]})

    assert [file for _, file, _ in sources(refined)] == [f"x{number}.db" for number in range(5)]
    assert [each.file for each in refined.proposal.left_out] == ["x3 copy.db"]
    assert exceptions(refined) == []
    assert refined.objections == ()


@pytest.mark.thorough
def test_many_files_with_equal_keys_are_one_decision(tmp_path: Path) -> None:
    """Another name for the table would not tell the rows of the files apart."""
    sql = "CREATE TABLE t(k TEXT PRIMARY KEY ON CONFLICT FAIL, v); CREATE TABLE u(t REFERENCES t(k));"
    sql += "INSERT INTO t VALUES ('a', {0})"

    refined = proposal_of(tmp_path, main=MAIN, **{f"x{number}": sql.format(number) for number in range(21)})

    [source] = refined.proposal.sources
    assert [table_map.into for table_map in source.maps] == ["t", "u"]
    assert (source.undecided, refined.proposal.decisions) == (("t",), 1)
    assert {problem.id for problem in refined.problems} == {"rows-differ"}


def test_plan_of_many_files_is_short(tmp_path: Path) -> None:
    """Its length does not depend on their number, and no line is long."""
    refined = proposal_of(tmp_path, **files(*(f"x{number}" for number in range(12))))

    text = render_plan(refined.proposal, "2026-11-27")
    assert len(text) < 2_000
    assert max(line.count(".db") for line in text.splitlines()) <= 3
