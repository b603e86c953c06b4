"""Demand entries of an accepted run by its plan and by what it moved."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from sqlite_consolidate.engine.checks.matching.matched_rows_proof import matched_subject
from sqlite_consolidate.engine.criteria.committed import DOCUMENTS
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.bundle_check.facts.demanded import Demand, absent_moves, absent_sources, demanded_entries
from sqlite_consolidate.report.evidence import DatabaseRecord, MoveRecord, Record

_SET = "backups/small"
_MOVES = (
    MoveRecord("a", "a.db:Tasks", "Tasks", "tasks", 3, 3),
    MoveRecord("b", "b.db:tasks", "tasks", "tasks", 2, 2),
    MoveRecord("b", "b.db:log", "log", "log", 1, 1),
)


def planned(**keys: Any) -> Plan:
    """Return a plan of two sources, one of them optional, with references and smoke tests."""
    document: dict[str, Any] = {
        "format": 1,
        "name": "small",
        "target": "main.db",
        "source": [
            {"name": "a", "file": "a.db", "table": [{"name": "tasks", "rows": 3}]},
            {"name": "b", "file": "b.db", "optional": True, "table": [{"name": "tasks"}, {"name": "log"}]},
        ],
        "table": [{"name": "made", "create": "CREATE TABLE made(v)"}],
        "reference": [
            {"file": "app.py", "find": "a", "replace": "b"},
            {"file": "app.py", "find": "c", "replace": "d"},
            {"file": "more.py", "find": "c", "replace": "d"},
        ],
        "smoke": [
            {"name": "ends", "python": "print(1)"},
            {"name": "speaks", "python": "print(1)", "expect": {"stdout": "^1$"}},
            {"name": "is silent", "python": "pass", "expect": {"lines": 0}},
            {"name": "says all", "python": "print(1)", "expect": {"stdout": "^1$", "lines": 1}},
        ],
    }
    return Plan.model_validate(document | keys)


def recorded(**facts: Any) -> Record:
    """Return the record of an accepted migration of both sources into a target that was there."""
    record = Record(
        run="20261122_120603-migrate",
        mode=Mode.MIGRATE,
        verdict="accepted",
        headline="",
        exit_code=0,
        started="",
        finished="",
        host="",
        user="",
        versions={},
        plan={},
        change={},
        workspace="workspace",
        sources=(DatabaseRecord("a", "a.db", 4096), DatabaseRecord("b", "b.db", 4096)),
        target=DatabaseRecord(
            "target",
            "main.db",
            4096,
            rows={"own": 1, "LOG": 1, "_consolidation_history": 1},
            rows_after={"own": 1, "log": 2, "_Consolidation_History": 2},
        ),
        backup_set=_SET,
        archive={"a.db": "a.db.archived"},
        moves=_MOVES,
    )
    return replace(record, **facts)


def by_criterion(plan: Plan, record: Record) -> dict[str, list[tuple[str, int, bool]]]:
    """Return subject, number and ``begins`` of each demand."""
    demands: defaultdict[str, list[tuple[str, int, bool]]] = defaultdict(list)
    for demand in demanded_entries(plan, record):
        demands[demand.criterion].append((demand.subject, demand.number, demand.begins))
    return dict(demands)


def of(*subjects: str) -> list[tuple[str, int, bool]]:
    """Return what is demanded of subjects of which each has one entry."""
    return [(subject, 1, False) for subject in subjects]


def test_migration_demands_an_entry_for_each_action() -> None:
    """They are of databases, tables, target, code, applications and files of the backup set."""
    databases = of("main.db", "a.db", "b.db")

    assert by_criterion(planned(), recorded()) == {
        "sources-readable": databases,
        "integrity-before": databases,
        "backup-complete": databases,
        "backup-digest": databases,
        "dump-reloads": of("databases/target.sql", "databases/a.sql", "databases/b.sql"),
        "rows-counted": of(
            "a.db:Tasks -> tasks", "b.db:tasks -> tasks", "b.db:log -> log", "target: tasks", "target: log"
        ),
        "rows-as-stated": of("a.db:tasks"),
        "rows-expected": of("a.db:tasks"),
        "tables-created": of("tasks", "log", "made"),
        "rows-exact": of("tasks <- a.db:Tasks, b.db:tasks", "log <- b.db:log"),
        "references-kept": of(""),
        "no-duplicates": [("tasks (", 1, True), ("log (", 1, True)],
        "schema-as-planned": of("target: tables"),
        "integrity": of("target: integrity_check"),
        "size-reasonable": of("target"),
        "committed": of("main.db"),
        "final-digest": of("target: tables", "target: own", "target: log"),
        "neighbours-unchanged": of("own"),
        "references-updated": [("app.py", 2, False), ("more.py", 1, False)],
        "smoke:ends": [("", 2, False)],
        "smoke:speaks": [("", 3, False)],
        "smoke:is silent": [("", 3, False)],
        "smoke:says all": [("", 4, False)],
        "nothing-left-behind": of("a.db", "b.db"),
        "archived": of("a.db", "b.db"),
        "no-late-writes": of("a.db", "b.db"),
        "archive-restorable": of("a.db.archived", "archive of b.db"),
        "record-written": [*of(*(f"{_SET}/{name}" for name in DOCUMENTS)), ("", len(DOCUMENTS) + 1, False)],
    }


def test_rehearsal_demands_its_rollback_and_no_backup_set() -> None:
    """A rehearsal has rolled back its own backup set."""
    demands = by_criterion(planned(), recorded(mode=Mode.REHEARSAL, backup_set=""))

    assert demands["restored-exact"] == of("main.db", "a.db", "b.db")
    assert demands["record-written"] == [("", len(DOCUMENTS) + 1, False)]


@pytest.mark.parametrize("target", [None, DatabaseRecord("target", "main.db", size=None)])
def test_new_target_has_no_backup(target: DatabaseRecord | None) -> None:
    """It still has an entry that it can be read, and a plan may do without dumps."""
    demands = by_criterion(planned(dump=False), recorded(target=target))

    assert demands["sources-readable"] == of("main.db", "a.db", "b.db")
    assert demands["backup-digest"] == of("a.db", "b.db")
    assert demands["final-digest"] == of("target: tables")
    assert "dump-reloads" not in demands
    assert "neighbours-unchanged" not in demands
    assert by_criterion(planned(), recorded(target=target))["dump-reloads"] == of("databases/a.sql", "databases/b.sql")


def test_optional_source_may_be_absent() -> None:
    """Its tables are not missed then either."""
    known_b = recorded(sources=(DatabaseRecord("b", "b.db", 4096),))
    known_a = recorded(sources=(DatabaseRecord("a", "a.db", 4096),))

    assert absent_sources(planned(), recorded()) == []
    assert absent_sources(planned(), known_b) == ["a.db"]
    assert absent_sources(planned(), known_a) == []
    assert absent_moves(planned(), replace(known_a, moves=())) == ["a.db:tasks"]


def test_chosen_and_matched_rows_have_entries_of_their_own() -> None:
    """The plan says of each table whether there are such rows."""
    tables = [{"name": "tasks", "where": "id > 1", "reason": "old"}, {"name": "log", "match": ["at", "who"]}]
    plan = planned(source=[{"name": "b", "file": "b.db", "table": tables}])

    demands = by_criterion(plan, recorded(moves=_MOVES[1:]))

    assert demands["rows-chosen"] == of("b.db:tasks -> tasks")
    assert demands["keys-mapped"] == of(matched_subject("b.db:log", "log", ("at", "who")))


def test_rebuilt_index_has_no_moved_rows() -> None:
    """No row of an index is copied, and the other tables are missed all the same."""
    plan = planned(rebuild=[{"table": "TASKS"}])

    assert absent_moves(plan, recorded(moves=())) == ["b.db:log"]


def test_file_of_a_pattern_may_lack_a_table() -> None:
    """The record lists the tables that it has."""
    plan = planned()
    plan = plan.model_copy(
        update={"sources": [each for source in plan.sources for each in source.of_files([source.file])]}
    )
    known = {"a:a.db": {"Tasks": 3}, "b:b.db": {"u": 1}}
    sources = tuple(DatabaseRecord(name, name[2:], 4096, rows=rows) for name, rows in known.items())

    assert absent_moves(plan, recorded(sources=sources, moves=())) == ["a.db:tasks"]


@pytest.mark.parametrize(
    ("demand", "is_met"),
    [
        (Demand("archived", "A\x1b.db"), True),
        (Demand("archived", "b.db"), False),
        (Demand("committed", "A\x1b.db"), False),
        (Demand("archived", "A\x1b.db", 2), False),
        (Demand("archived", "A\x1b.db", 0), False),
    ],
)
def test_demand_of_one_entry_is_met_at_once(demand: Demand, is_met: bool) -> None:
    """Several entries have to be counted."""
    assert demand.is_met_at_once({("archived", r"a\x1b.db")}) is is_met


@pytest.mark.parametrize(
    ("move", "missed"),
    [
        pytest.param(MoveRecord("a", "a.db:Tasks", "TASKS", "TASKS", 3, 3), [], id="other-case"),
        pytest.param(MoveRecord("b", "b.db:tasks", "tasks", "tasks", 3, 3), ["a.db:tasks"], id="of-another-source"),
        pytest.param(MoveRecord("a", "a.db:log", "log", "tasks", 3, 3), ["a.db:tasks"], id="other-table"),
        pytest.param(MoveRecord("a", "a.db:tasks", "tasks", "log", 3, 3), ["a.db:tasks"], id="into-another"),
    ],
)
def test_planned_table_that_was_not_moved_is_named(move: MoveRecord, missed: list[str]) -> None:
    """A move counts by its source, its table and where the rows went."""
    assert absent_moves(planned(), recorded(moves=(move, *_MOVES[1:]))) == missed


@pytest.mark.parametrize(
    ("demand", "subjects", "is_met"),
    [
        (Demand("archived", "A.db"), ["a.DB"], True),
        (Demand("archived", "a.db"), ["a.db.old"], False),
        (Demand("archived", "a.db"), [], False),
        (Demand("archived", "a\x1b.db"), [r"a\x1b.db"], True),
        (Demand("no-duplicates", "T (", begins=True), ["t (id)"], True),
        (Demand("no-duplicates", "t (", begins=True), ["at (id)"], False),
        (Demand("record-written", "", 2), ["one", "two"], True),
        (Demand("record-written", "", 2), ["one"], False),
        (Demand("references-updated", "app.py", 2), ["app.py", "more.py"], False),
        (Demand("references-updated", "app.py", 2), ["app.py", "app.py", "app.py"], True),
    ],
)
def test_demand_is_met_by_enough_of_its_subjects(demand: Demand, subjects: list[str], is_met: bool) -> None:
    """Names have no case and are printable, and a demand without a subject accepts any."""
    assert demand.is_met_by(subjects) is is_met
