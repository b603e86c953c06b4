"""Write and read ``evidence.json`` in the form that other programs rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_consolidate.engine.apps.runner import SmokeResult
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import Evidence
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.parts.programs import Smoke
from sqlite_consolidate.report.bundle_check.parse import schema_errors
from sqlite_consolidate.report.evidence import Attempt, DatabaseRecord, Finding, Record
from sqlite_consolidate.report.evidence_json import LEFT_OUT, record_from_json, to_json
from sqlite_consolidate.report.records import smoke_record
from sqlite_consolidate.row_differences import Disclosure
from sqlite_consolidate.text import printable
from tests.support.reports import records
from tests.support.reports.scripted_run import ended, record_of_run, scripts

if TYPE_CHECKING:
    from pathlib import Path

_TEXTS = st.text().map(printable)
_EVIDENCE = st.builds(
    Evidence, _TEXTS, _TEXTS, _TEXTS, _TEXTS, st.sampled_from(Outcome), st.integers(min_value=0), _TEXTS
)
_FINDINGS = st.builds(Finding, _TEXTS, st.sampled_from(("attention", "note")), _TEXTS, st.integers(min_value=1), _TEXTS)


def as_read(record: Record) -> Record:
    """Return what is left of a record when it is read from its evidence."""
    attempts = tuple(replace(attempt, **blank(Attempt)) for attempt in record.attempts)
    criteria = tuple(replace(entry, **blank(Evidence)) for entry in record.criteria)
    sources = tuple(replace(source, **blank(DatabaseRecord)) for source in record.sources)
    target = replace(record.target, **blank(DatabaseRecord)) if record.target else None
    planned = () if record.moves else record.planned
    emptied = replace(record, **blank(Record), planned=planned, attempts=attempts, sources=sources, target=target)
    return replace(emptied, criteria=criteria)


def blank(kind: type) -> dict[str, Any]:
    """Return the fields that evidence leaves out of a kind, each empty."""
    empty = {"about": {}, "asked": {}, "already": False, "limits": (), "repeats": False, "sql": ()}
    return {name: empty.get(name, "") for name in LEFT_OUT[kind]}


def of_schema_1(record: Record) -> dict[str, Any]:
    """Return the evidence of a record as schema 1 has it."""
    verdicts = {"passed": "shown", "failed": "failed", "not examined": "not shown", "not required": "shown"}
    document: dict[str, Any] = {**json.loads(to_json(record)), "schema": 1}
    del document["key_maps"], document["derived"]
    document.pop("planned", None)
    document.pop("next_command", None)
    document["attempts"] = [
        {key: value for key, value in run.items() if key not in ("already", "has_failed_criterion")}
        for run in document["attempts"]
    ]
    document["findings"] = [finding["text"] for finding in document["findings"]]
    document["stages"] = [
        {key: stage[key] for key in stage if key not in ("reason", "read", "written")} for stage in document["stages"]
    ]
    later = ("method", "identical", "rowids", "constants", "followed", "left", "unfollowed")
    document["moves"] = [{key: move[key] for key in move if key not in later} for move in document["moves"]]
    document["criteria"] = [
        {
            "id": entry["id"],
            "subject": entry["subject"],
            "verdict": verdicts[entry["outcome"]],
            "expected": entry["expected"],
            "observed": entry["observed"],
        }
        for entry in document["criteria"]
    ]
    return document


def test_the_keys_are_exactly_those_of_schema_2(accepted: Record) -> None:
    """A program that reads schema 2 finds what it was promised, on every level."""
    document = json.loads(to_json(accepted))

    assert document["schema"] == 2
    assert set(document) == {
        "schema", "run", "mode", "verdict", "started", "finished", "host", "user", "versions", "plan", "change",
        "sources", "target", "stages", "criteria", "findings", "backup_set", "archive", "rollback", "headline",
        "exit_code", "not_shown", "put_back", "already", "workspace", "unanswerable", "attempts",
        "moves", "differences", "smoke", "key_maps", "derived", "next_command",
    }  # fmt: skip
    assert set(document["plan"]) == {"path", "sha256"}
    assert set(document["target"]) == {"name", "file", "before", "after", "versions", "contents"}
    assert set(document["target"]["after"]) == {"size", "digest", "rows"}
    assert set(document["sources"][0]) == set(document["target"])
    assert {frozenset(stage) for stage in document["stages"]} == {
        frozenset(["id", "outcome", "seconds", "estimate", "reason"])
    }
    assert {frozenset(entry) for entry in document["criteria"]} == {
        frozenset(
            ["id", "subject", "outcome", "expected", "observed", "examined", "todo", "relation", "limit", "number"]
        )
    }
    assert {frozenset(finding) for finding in document["findings"]} == {
        frozenset(["id", "level", "subject", "count", "text"])
    }
    assert schema_errors(document) == []


def test_values_come_back_as_they_were(accepted: Record) -> None:
    """Counts, sizes and digests are the record's own."""
    document = json.loads(to_json(accepted))

    assert document["target"]["before"] == {"size": 409600, "digest": "ef" * 32, "rows": {"workspace_tasks": 62}}
    assert document["target"]["after"]["rows"]["tasks"] == 85
    assert document["sources"][0]["after"]["size"] is None
    assert document["stages"][1] == {
        "id": "20-backup", "outcome": "passed", "seconds": 0.5, "estimate": 300.0, "reason": "",
    }  # fmt: skip


def test_every_criterion_has_one_of_four_outcomes(refused: Record) -> None:
    """They are passed, failed, not examined and not required."""
    document = json.loads(to_json(refused))

    outcomes = {entry["id"]: entry["outcome"] for entry in document["criteria"]}
    assert outcomes["plan-valid"] == "passed"
    assert outcomes["rows-exact"] == "failed"
    assert outcomes["archived"] == "not examined"
    assert outcomes["rehearsed"] == "not required"
    assert set(document["not_shown"]) == {id for id, outcome in outcomes.items() if outcome == "not examined"}


def test_equal_findings_are_counted(tmp_path: Path) -> None:
    """Those that ask for attention come first, errors of stages before all others."""
    run = ended(tmp_path, Mode.MIGRATE, scripts(Mode.MIGRATE)["broken"])
    notes = [Finding.of("rows-left", f"a.db:{table}", "left behind: old.", count=2, noun="row") for table in "bab"]
    run.log.note(*notes, Finding.of("view-left", "a.db", "view v stays in the archive."))

    findings = record_of_run(run).findings

    assert [(finding.id, finding.level, finding.count) for finding in findings] == [
        ("stage-error", "attention", 1), ("view-left", "attention", 1), ("rows-left", "note", 6),
    ]  # fmt: skip
    assert findings[2].text == "a.db:b, a.db:a: 6 rows left behind: old."


@pytest.mark.parametrize("way", ["accepted", "failed", "not required", "interrupted", "already"])
@pytest.mark.parametrize("mode", Mode)
def test_record_read_from_its_evidence_is_the_same(tmp_path: Path, mode: Mode, way: str) -> None:
    """Only what evidence leaves out is missing. The mode is known, too."""
    record = record_of_run(ended(tmp_path, mode, scripts(mode)[way]))

    document = json.loads(to_json(record))

    assert schema_errors(document) == []
    assert record_from_json(document) == as_read(record)


@pytest.mark.parametrize("name", ["accepted", "refused", "unfinished"])
def test_record_with_everything_is_read_the_same(request: pytest.FixtureRequest, name: str) -> None:
    """Databases, moves, differences, applications, archives and earlier runs come back."""
    record: Record = request.getfixturevalue(name)
    inventory = replace(record, extra={"inventory": {"files_read": 3}})

    again = record_from_json(json.loads(to_json(inventory)))

    assert again == as_read(inventory)
    assert again.moves == record.moves
    assert to_json(again) == to_json(inventory)


@settings(max_examples=5, deadline=None)
@given(criteria=st.lists(_EVIDENCE), findings=st.lists(_FINDINGS), texts=st.dictionaries(_TEXTS, _TEXTS))
def test_any_evidence_is_read_as_it_was_written(
    criteria: list[Evidence], findings: list[Finding], texts: dict[str, str]
) -> None:
    """Whatever texts and numbers are in it."""
    record = replace(
        records.accepted(), criteria=tuple(criteria), findings=tuple(findings), archive=texts, unanswerable=texts
    )

    assert record_from_json(json.loads(to_json(record))) == as_read(record)


def test_long_outputs_are_cut_to_their_ends() -> None:
    """Evidence and page have the same end of an output."""
    output = "".join(f"line {number}\n" for number in range(5000))
    test = Smoke.model_validate({"name": "prints", "run": ["prints"]})

    application = smoke_record(test, SmokeResult("prints", ("prints",), 0, stdout=output), Disclosure())

    assert application.stdout.endswith("line 4999\n")
    assert len(application.stdout) < 21_000
    assert application.lines == 5000


@pytest.mark.parametrize("name", ["accepted", "refused"])
def test_evidence_of_schema_1_is_read_by_translation(request: pytest.FixtureRequest, name: str) -> None:
    """Outcomes get their new words, findings become records, and reasons are unknown."""
    record: Record = request.getfixturevalue(name)
    document = of_schema_1(replace(record, findings=(records.finding("a"), records.finding("b"))))

    again = record_from_json(document)

    assert schema_errors(document) == []
    assert again.findings == (records.finding("a"), records.finding("b"))
    assert {entry.examined for entry in again.criteria if entry.outcome.holds} == {1}
    assert {entry.examined for entry in again.criteria if entry.outcome is Outcome.NOT_EXAMINED} <= {0}
    assert again.not_shown == record.not_shown
    assert {entry.criterion for entry in again.criteria if entry.outcome is Outcome.FAILED} == {
        entry.criterion for entry in record.criteria if entry.outcome is Outcome.FAILED
    }
    assert again.verdict == record.verdict


@pytest.mark.parametrize(
    ("outcome", "examined"),
    [("passed", 0), ("failed", 0), ("not examined", 1), ("not required", 1), ("passed", -1), ("shown", 1)],
)
def test_outcome_must_agree_with_the_number_of_subjects(accepted: Record, outcome: str, examined: int) -> None:
    """Passed is only what looked at something."""
    document = json.loads(to_json(accepted))
    document["criteria"][0] |= {"outcome": outcome, "examined": examined}

    places = [place for place, _ in schema_errors(document)]

    assert places
    assert all(place.startswith("evidence.json: criteria/0/") for place in places)


@pytest.mark.parametrize("change", [{"schema": 3}, {"schema": True}, {"schema": "2"}, {"findings": ["a"]}])
def test_evidence_of_another_shape_is_not_valid(accepted: Record, change: dict[str, Any]) -> None:
    """A schema that this release does not know, and findings of schema 1 in schema 2."""
    assert schema_errors(json.loads(to_json(accepted)) | change)


def test_hostile_texts_become_plain_ascii(hostile: Record) -> None:
    """No control character, bidi override or lone surrogate reaches a reader."""
    text = to_json(hostile)

    document = json.loads(text)
    assert text.isascii()
    assert "\\u202egnp.exe" in document["host"]
    assert "\\ud800\\udcff" in document["host"]
    assert "\x1b" not in document["host"]
