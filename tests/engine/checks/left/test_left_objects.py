"""Specify that objects that stay in the archive are listed with a reason."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.plan.model import Leave, Source, TableMap
from tests.support.databases import TARGET, Bench, source
from tests.support.target_schemas import planned_objects

DDL = (
    "CREATE TABLE t(a)",
    "CREATE INDEX t_a ON t(a)",
    "CREATE TRIGGER t_log AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE TABLE cfg(v)",
    "CREATE INDEX cfg_v ON cfg(v)",
    "CREATE TRIGGER cfg_t AFTER INSERT ON cfg BEGIN SELECT 1; END",
    "CREATE VIEW both AS SELECT * FROM t, cfg",
    "CREATE TRIGGER both_io INSTEAD OF INSERT ON both BEGIN SELECT 1; END",
    "CREATE VIEW ts AS SELECT a FROM t",
    "CREATE TRIGGER ts_io INSTEAD OF INSERT ON ts BEGIN SELECT 1; END",
)


MADE_AGAIN = "index t_a, trigger t_log, trigger ts_io"


def leaving(*leave: Leave, moved: str = "t") -> Source:
    """Return a source that moves one table and leaves objects."""
    return Source(name="a", file="a.db", tables=[TableMap(name=moved)], leave=list(leave))


def listed(bench: Bench, plan_source: Source) -> list[tuple[str, str, int, str]]:
    """Return id, level, count and text of each finding about an object that stays."""
    findings = [finding for finding in bench.survey(plan_source).findings if finding.id in ("object-left", "view-left")]
    return [(finding.id, finding.level, finding.count, finding.text) for finding in findings]


def test_objects_that_plan_omits_are_listed_once(bench: Bench) -> None:
    """A table without rows, its index and trigger, and the trigger of a view that stays."""
    bench.database("a.db", *DDL)

    view, left = listed(bench, source("a.db", "t"))

    assert (view[0], view[1]) == ("view-left", "attention")
    assert left[:3] == ("object-left", "note", 4)
    assert left[3].endswith(": table cfg, index cfg_v, trigger cfg_t, trigger both_io.")


def test_objects_left_by_plan_have_its_reasons(bench: Bench) -> None:
    """The parts of a table that the plan leaves have the reason of the table."""
    bench.database("a.db", *DDL)
    leave = (
        Leave(tables=("cfg",), reason="unused."),
        Leave(views=("both",), reason="for cfg"),
        Leave(triggers=("t_*", "ts_io"), indexes=("t_a",), reason="made again"),
    )

    findings = listed(bench, leaving(*leave))

    assert [(*finding[:3], finding[3][finding[3].index("(") :]) for finding in findings] == [
        ("object-left", "note", 2, "(for cfg): view both, trigger both_io."),
        ("object-left", "note", 3, f"(made again): {MADE_AGAIN}."),
        ("object-left", "note", 2, "(unused): index cfg_v, trigger cfg_t."),
    ]


def test_objects_left_by_plan_are_not_created(bench: Bench) -> None:
    """A view, an index and triggers could all be created in the target."""
    bench.database("a.db", *DDL)
    leave = Leave(views=("ts",), triggers=("t_log",), indexes=("t_a",), reason="made again")

    inspected = bench.survey(leaving(leave))

    assert planned_objects(inspected.target_schema) == [("table", "t")]
    assert [finding.id for finding in inspected.findings if finding.id == "index-lost"] == []


def test_instead_of_trigger_stays_without_its_view(bench: Bench) -> None:
    """The view itself is moved."""
    bench.database("a.db", *DDL)

    planned = planned_objects(bench.survey(leaving(Leave(triggers=("ts_io",), reason="old"))).target_schema)

    assert ("view", "ts") in planned
    assert ("trigger", "ts_io") not in planned


@pytest.mark.parametrize("leave", [(), (Leave(views=("names",), reason="old"),)], ids=["unstated", "stated"])
def test_view_that_moved_trigger_reads_needs_reason(bench: Bench, leave: tuple[Leave, ...]) -> None:
    """Without the view each insert into the target's table would fail."""
    trigger = "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a IN (SELECT v FROM names); END"
    view = "CREATE VIEW names AS SELECT v FROM cfg"
    bench.database("a.db", "CREATE TABLE t(a)", "CREATE TABLE cfg(v)", view, trigger)

    inspected = bench.survey(leaving(*leave))

    assert [problem.id for problem in inspected.problems] == ([] if leave else ["broken-trigger"])
    assert ("trigger-left-with-table" in {finding.id for finding in inspected.findings}) == bool(leave)


def test_table_with_rows_is_not_only_listed(bench: Bench) -> None:
    """The run is refused until the plan moves it or states a reason."""
    bench.database("a.db", *DDL, "INSERT INTO cfg VALUES(1)")

    inspected = bench.survey(source("a.db", "t"))

    assert [problem.id for problem in inspected.problems] == ["left-behind"]


def test_index_of_target_is_no_object_of_source(bench: Bench) -> None:
    """Only the objects of sources are listed."""
    bench.database(TARGET, *DDL)
    bench.database("a.db", "CREATE TABLE t(a)")

    assert listed(bench, source("a.db", "t")) == []


def test_files_that_a_pattern_leaves_are_one_finding(bench: Bench) -> None:
    """It names the pattern, and not each of its files."""
    for name in ("x1", "x2"):
        bench.database(f"{name}.db", "CREATE TABLE t (a)", f"INSERT INTO t VALUES ('{name}')")
    left = Leave(files=("x3.db", "x4.db"), reason="copies.")
    source = Source(name="x", file="x*.db", leave=[left], tables=[TableMap(name="t")])

    findings = bench.survey_of(expand_by_files(bench.plan(source), bench.root)).findings

    left_files = [finding for finding in findings if finding.id == "file-left"]
    assert [(each.subject, each.text) for each in left_files] == [("x*.db", "left out (copies): x3.db, x4.db.")]
