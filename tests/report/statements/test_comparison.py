"""Compare a run with the last one of its kind on the same workspace."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report import folded_files
from sqlite_consolidate.report.bundle import write_bundle
from sqlite_consolidate.report.bundle_check.attempts import contradictions_of_attempts
from sqlite_consolidate.report.evidence import Attempt, Change, Comparison, Finding
from sqlite_consolidate.report.evidence_json import record_from_json, to_json
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.past_runs import past_runs
from sqlite_consolidate.report.statements.comparison import compare_with_last_run
from tests.support.reports.outcomes import drawn, with_outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record

_LAST = "20261121_120603-migrate"


def _after(reports: Path, last: Record, record: Record) -> Record:
    """Return a record with what it has otherwise than a run whose report is there."""
    write_bundle(reports / last.run, last, plan=b"")
    return _compared(reports, record)


def _compared(reports: Path, record: Record) -> Record:
    attempts = tuple(attempt for _, attempt in past_runs(reports) if attempt)
    record = replace(record, attempts=attempts)
    return replace(record, last_run=compare_with_last_run(record, reports))


def _last(record: Record, **fields: Any) -> Record:
    return replace(record, **{"run": _LAST, "attempts": (), **fields})


def _changes(record: Record) -> list[tuple[str, str, str, str]]:
    assert record.last_run is not None
    assert record.last_run.obstacle == ""
    return [(change.kind, change.subject, change.before, change.after) for change in record.last_run.changes]


def test_equal_run_has_no_change(tmp_path: Path, accepted: Record) -> None:
    """Only the times of the stages are shown beside each other."""
    record = _after(tmp_path, _last(accepted), accepted)

    assert _changes(record) == []
    assert record.last_run
    assert record.last_run.seconds == {stage.id: stage.seconds for stage in accepted.stages}
    assert "claim-same-as-last" in render_page(record)


def test_each_kind_of_change_is_listed(tmp_path: Path, accepted: Record) -> None:
    """A finding in other words is one change, and a new one has nothing before it."""
    first, *others = accepted.moves
    old = (Finding("a", "note", "t", 1, "1 row"), Finding("b", "note", "", 1, "gone"))
    new = (Finding("a", "note", "t", 2, "2 rows"), Finding("c", "attention", "", 1, "new"))
    last = _last(with_outcome(accepted, "rows-exact", Outcome.FAILED), findings=old)

    record = _after(tmp_path, last, replace(accepted, findings=new, moves=(replace(first, arrived=80), *others)))

    assert _changes(record) == [
        ("criterion", "rows-exact", "failed", "passed"),
        ("finding", "a", "t: 1 row", "t: 2 rows"),
        ("finding", "b", "gone", ""),
        ("finding", "c", "", "new"),
        ("table", first.into, f"{first.rows} rows", "80 rows"),
    ]
    assert "claim-changed-since" in render_page(record)


def test_many_files_are_compared_by_their_sums(
    tmp_path: Path, accepted: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the evidence of the last run has of each file is not unfolded."""
    monkeypatch.setattr(folded_files, "_MOST_UNFOLDED", 0)
    files = [f"phones/{number}.db" for number in range(30)]
    first, entry, source = accepted.moves[0], accepted.criteria[0], accepted.sources[0]
    last = _last(
        accepted,
        sources=tuple(replace(source, name=f"phone:{file}", file=file) for file in files),
        moves=tuple(replace(first, source=f"phone:{file}", arrived=place) for place, file in enumerate(files)),
        criteria=tuple(replace(entry, subject=file, expected=file, observed=file) for file in files),
    )
    assert '"each"' in to_json(last)

    record = _after(tmp_path, last, replace(last, run=accepted.run, moves=last.moves[1:-1]))

    assert _changes(record) == [("table", first.into, "435 rows", "406 rows")]


def test_inventory_is_compared_by_its_databases(tmp_path: Path) -> None:
    """A file that is new, gone or filled, and the decisions of the plan are changes."""
    inventory = drawn()["inventory"]
    before, after = (
        replace(inventory, extra={"inventory": inventory.extra["inventory"] | changed})
        for changed in (
            {"databases": [_database("a.db", "1"), _database("old.db", "1")], "decisions": 2},
            {"databases": [_database("a.db", "4"), _database("new.db", "1")], "decisions": 1},
        )
    )
    before = replace(before, run="20261121_120603-inventory", attempts=())

    record = _after(tmp_path, before, after)

    assert _changes(record) == [
        ("database", "a.db", "source, 1 table, 1 row", "source, 1 table, 4 rows"),
        ("database", "old.db", "source, 1 table, 1 row", ""),
        ("database", "new.db", "", "source, 1 table, 1 row"),
        ("number", "decisions of the plan", "2", "1"),
    ]
    assert not [subject for subject, _, _ in contradictions_of_attempts(record) if "last_run" in subject]


def _database(file: str, rows: str) -> dict[str, Any]:
    return {
        "file": file, "kind": "database", "role": "live", "part": "source", "why": "", "size": 8192, "changed": "",
        "features": [], "tables": {"t": rows}, "mentions": [], "open_in": [],
    }  # fmt: skip


def test_comparison_is_read_from_its_evidence(tmp_path: Path, accepted: Record) -> None:
    """The page of a bundle can be drawn again, and nothing contradicts it."""
    record = _after(tmp_path, _last(accepted, findings=()), replace(accepted, run="20261123_120603-migrate"))

    read = record_from_json(json.loads(to_json(record)))

    assert read.last_run == record.last_run
    assert not [subject for subject, _, _ in contradictions_of_attempts(read) if subject.startswith("last_run")]


@pytest.mark.parametrize(
    ("comparison", "subject"),
    [
        (Comparison("20200101_000000-migrate"), "last_run: run"),
        (Comparison(_LAST, "", (Change("criterion", "rows-exact", "passed", "failed"),)), "criterion rows-exact"),
        (Comparison(_LAST, "", (Change("table", "tasks", "", "1 row"),)), "table tasks"),
        (Comparison(_LAST, "", (Change("finding", "a", "", "no such"),)), "finding a"),
        (Comparison(_LAST, "", (Change("finding", "a", "old", ""),)), "numbers: finding"),
    ],
)
def test_forged_comparison_is_noticed(tmp_path: Path, accepted: Record, comparison: Comparison, subject: str) -> None:
    """What it says of this run has to be so."""
    record = replace(_after(tmp_path, _last(accepted), accepted), last_run=comparison)

    assert any(subject in place for place, _, _ in contradictions_of_attempts(record))


@pytest.mark.parametrize("mode", [Mode.CHECK, Mode.ROLLBACK])
def test_run_of_another_kind_is_not_compared(tmp_path: Path, accepted: Record, mode: Mode) -> None:
    """It has other criteria."""
    record = _after(tmp_path, _last(accepted, mode=mode, run=f"20261121_120603-{mode}"), accepted)

    assert record.last_run is None


def test_rehearsal_is_compared_in_common_stages(tmp_path: Path, accepted: Record) -> None:
    """A migration has no rollback whose criterion could be gone."""
    rehearsal = replace(_last(accepted), mode=Mode.REHEARSAL, run="20261121_120603-rehearsal")
    entry = replace(rehearsal.criteria[0], criterion="restored-exact")

    record = _after(tmp_path, replace(rehearsal, criteria=(*rehearsal.criteria, entry)), accepted)

    assert _changes(record) == []


@pytest.mark.parametrize("fields", [{"finished": ""}, {"already": True}])
def test_run_without_end_or_work_is_left_out(tmp_path: Path, accepted: Record, fields: dict[str, Any]) -> None:
    """The run before it is compared."""
    write_bundle(tmp_path / _LAST, _last(accepted), plan=b"")
    later = {"run": "20261121_130000-migrate", "started": accepted.started, **fields}

    record = _after(tmp_path, _last(accepted, **later), accepted)

    assert record.last_run
    assert record.last_run.run == _LAST


def _without_digest(folder: Path) -> None:
    (folder / "evidence.json").write_bytes((folder / "evidence.json").read_bytes() + b"\n")


def _edited(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Return a function that changes the evidence, and its digest in the manifest."""

    def edit(folder: Path) -> None:
        document, manifest = (json.loads((folder / name).read_bytes()) for name in ("evidence.json", "manifest.json"))
        change(document)
        data = json.dumps(document).encode()
        (folder / "evidence.json").write_bytes(data)
        manifest["files"]["evidence.json"]["sha256"] = hashlib.sha256(data).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return edit


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda folder: (folder / "evidence.json").unlink(), "cannot be read"),
        (_without_digest, "manifest"),
        (_edited(lambda document: document.update(schema=1)), "format"),
        (_edited(lambda document: document.update(run="20200101_000000-migrate")), "another run"),
        (_edited(lambda document: document["workspace"].update(id="0" * 16)), "another run"),
        (_edited(lambda document: document.pop("stages")), "damaged"),
        (_edited(lambda document: document["stages"][0].update(seconds=float("nan"))), "damaged"),
        (_edited(lambda document: document["criteria"][0].update(outcome=[])), "damaged"),
        (_edited(lambda document: document["moves"][0].update(arrived="many")), "damaged"),
    ],
    ids=["missing", "digest", "format", "run", "workspace", "key", "time", "outcome", "rows"],
)
def test_evidence_that_cannot_be_compared_is_named(
    tmp_path: Path, accepted: Record, damage: Callable[[Path], None], word: str
) -> None:
    """The page says why, and nothing else of that run."""
    write_bundle(tmp_path / _LAST, _last(accepted), plan=b"")
    damage(tmp_path / _LAST)

    record = _compared(tmp_path, accepted)

    assert record.last_run
    assert word in record.last_run.obstacle
    assert (record.last_run.changes, record.last_run.seconds) == ((), {})
    assert "cannot be compared" in render_page(record)


def test_run_without_a_report_is_named(tmp_path: Path, accepted: Record) -> None:
    """Only its backup set may be left."""
    attempt = Attempt(_LAST, Mode.MIGRATE, "not shown", "", None, accepted.started, accepted.finished)

    comparison = compare_with_last_run(replace(accepted, attempts=(attempt,)), tmp_path)

    assert comparison
    assert comparison.obstacle


def test_secret_of_the_last_run_is_masked(tmp_path: Path, accepted: Record) -> None:
    """This run may know a secret that the last one did not."""
    last = _last(accepted, findings=(Finding("a", "note", "", 1, "password hunter2"),))
    record = _after(tmp_path, last, replace(accepted, findings=()))

    comparison = compare_with_last_run(record, tmp_path, lambda text: text.replace("hunter2", "***"))

    assert comparison
    assert [change.before for change in comparison.changes] == ["password ***"]


def test_list_of_changes_has_an_end(tmp_path: Path, accepted: Record) -> None:
    """The number of all of them is stated."""
    many = tuple(Finding(f"kind-{number}", "note", "", 1, "text") for number in range(150))

    record = _after(tmp_path, _last(accepted, findings=()), replace(accepted, findings=many))

    assert record.last_run
    assert (len(record.last_run.changes), record.last_run.numbers) == (100, {"finding": 150})
    assert "50 more changes" in render_page(record)
