"""Find forged entries by the record, the plan and the other files of the bundle."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import QUICK_AND_PAGES
from sqlite_consolidate.engine.content.inspection import BY_PAGES
from sqlite_consolidate.report.bundle_check.entries import check_entries
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from tests.support.reports.forgery import Files, edit, entry_of, failing_subjects, without, write
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _damaged(document: Any) -> None:
    entry_of(document, "integrity")["observed"] = "row 5 missing from index x"


def _worded(document: Any) -> None:
    entry_of(document, "integrity").update(observed="row 5 missing from index x", relation="stated")


def _unrelated(document: Any) -> None:
    entry_of(document, "integrity").update(observed="row 5 missing from index x", relation=None)


def _proved_by_pages(document: Any) -> None:
    """State the page reader, where the evidence has no finding about it."""
    entry_of(document, "integrity-before").update(expected=BY_PAGES, observed=BY_PAGES)


def _target_proved_by_pages(document: Any) -> None:
    """State the page reader as judge of the target, without a finding about it."""
    entry_of(document, "integrity").update(expected=QUICK_AND_PAGES, observed=QUICK_AND_PAGES)


def _written_late(document: Any) -> None:
    entry_of(document, "no-late-writes")["observed"] = "0" * 64


def _written_late_twice(document: Any) -> None:
    entry_of(document, "no-late-writes").update(expected="0" * 64, observed="0" * 64)


def _too_large(document: Any) -> None:
    entry = entry_of(document, "size-reasonable")
    entry.update(number=entry["limit"] + 1, observed=f"{entry['limit'] + 1} bytes")


def _other_number(document: Any) -> None:
    entry_of(document, "size-reasonable")["observed"] = "99999999999 bytes"


def _exit_status(document: Any) -> None:
    entries = (entry for entry in document["criteria"] if entry["id"] == "smoke:counts lines")
    next(entry for entry in entries if entry["expected"] == "exit status 0")["observed"] = "exit status 1"


def _digest(document: Any) -> None:
    entry_of(document, "rows-exact")["observed"] = "3 rows, " + "0" * 64


def _excused(document: Any) -> None:
    entry_of(document, "rows-exact").update(outcome="not required", examined=0)


def _source_forgotten(document: Any) -> None:
    """Take out everything that names the source, its row counts and all."""
    document.update(sources=[], moves=[])
    document["criteria"] = [entry for entry in document["criteria"] if "old.db" not in entry["subject"]]


def _approver(document: Any) -> None:
    document["change"]["approved_by"] = "Mallory Else"


def _headline(document: Any) -> None:
    document["headline"] = "Accepted: consolidated, approved by Mallory Else."


def test_headline_that_does_not_follow_is_found(files: Files, tmp_path: Path) -> None:
    """It is made of the verdict and of what became of the workspace."""
    edit(files, _headline)

    assert "headline" in failing_subjects(tmp_path, files)["verdict-follows"]


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_damaged, "integrity: target: integrity_check"),
        (_written_late, "no-late-writes: old.db"),
        (without("rows-exact"), "rows-exact: tasks <- old.db:tasks"),
        *thorough(
            (_digest, "rows-exact: tasks <- old.db:tasks"),
            (_excused, "rows-exact: tasks <- old.db:tasks"),
            (_worded, "integrity: target: integrity_check: relation"),
            (_unrelated, "integrity: target: integrity_check"),
            (_written_late_twice, "no-late-writes: old.db: as in the list of databases"),
            (_too_large, "size-reasonable: target"),
            (_other_number, "size-reasonable: target"),
            (_exit_status, "smoke:counts lines: python -c 'print(1)'"),
            (without("integrity-before"), "integrity-before: main.db"),
            (_proved_by_pages, "integrity-before: main.db: as the record has it"),
            (_target_proved_by_pages, "integrity: target: integrity_check: as the record has it"),
            (without("final-digest"), "final-digest: target: people"),
            (without("smoke:counts lines"), "smoke:counts lines: "),
            (without("backup-digest"), "backup-digest: main.db"),
            (without("neighbours-unchanged"), "neighbours-unchanged: people"),
            (without("no-late-writes"), "no-late-writes: old.db"),
            (_source_forgotten, "sources: old.db"),
            (_approver, "change: approved_by: as in plan.toml"),
        ),
    ],
)
def test_evidence_that_contradicts_itself_is_found(
    files: Files, tmp_path: Path, change: Callable[[Any], None], subject: str
) -> None:
    """By an entry that names criterion and subject of what was forged."""
    edit(files, change)

    assert subject in failing_subjects(tmp_path, files)["evidence-consistent"]


_ZERO = "0" * 64


def _of(criterion: str, subject: str, text: str = "", **values: object) -> Callable[[Any], None]:
    """Return a forgery of all entries about a subject.

    A text stands for both expected and observed.
    """
    both = {"expected": text, "observed": text} if text else {}

    def _update(document: Any) -> None:
        entries = [e for e in document["criteria"] if (e["id"], e["subject"]) == (criterion, subject)]
        assert entries
        for entry in entries:
            entry.update(both | values)

    return _update


def _unlisted(criterion: str, subject: str) -> Callable[[Any], None]:
    def _remove(document: Any) -> None:
        kept = [entry for entry in document["criteria"] if (entry["id"], entry["subject"]) != (criterion, subject)]
        assert len(kept) < len(document["criteria"])
        document["criteria"] = kept

    return _remove


def _all_excused(criterion: str) -> Callable[[Any], None]:
    def _update(document: Any) -> None:
        for entry in document["criteria"]:
            if entry["id"] == criterion:
                entry.update(outcome="not required", examined=0)

    return _update


def _held(database: str, place: str, table: str) -> Callable[[Any], None]:
    """Return a forgery of what a table held at a place, and of the entry that says so."""

    def _update(document: Any) -> None:
        record = document["target"] if database == "target" else document["sources"][0]
        content = record["contents"][place][table]
        content["digest"] = _ZERO
        for entry in document["criteria"]:
            if (entry["id"], entry["subject"]) == ("final-digest", f"target: {table}"):
                entry["expected"] = entry["observed"] = f"{content['rows']} rows, {_ZERO}"

    return _update


def _skipped(document: Any) -> None:
    move = document["moves"][0]
    move.update(arrived=move["arrived"] - 1, skipped=1)


def _rows_hidden(document: Any) -> None:
    """Let the source have had a table with rows that the plan does not know."""
    document["sources"][0]["before"]["rows"]["secrets"] = 500
    for place in ("live", "backup", "dump", "archive"):
        document["sources"][0]["contents"][place]["secrets"] = {"rows": 500, "digest": _ZERO}
    _of("sources-readable", "old.db", observed="3 tables, 506 rows")(document)


def _again(document: Any) -> None:
    entry = entry_of(document, "rows-exact")
    document["criteria"].append({**entry, "expected": f"1 row, {_ZERO}", "observed": f"1 row, {_ZERO}"})


def _size(number: int) -> Callable[[Any], None]:
    return lambda document: entry_of(document, "size-reasonable").update(number=number, observed=f"{number} bytes")


def _level(document: Any) -> None:
    document["findings"].append({"id": "rows-replaced", "level": "note", "subject": "", "count": 1, "text": "1 row."})


def _left(document: Any) -> None:
    finding = {"id": "rows-left", "level": "note", "subject": "old.db:x", "count": 1, "text": "1 row left behind."}
    document["findings"].append(finding)


_SQL = "CREATE INDEX tasks_title ON tasks(title)"
_TASKS = "rows-exact: tasks <- old.db:tasks"
_RECORD = "as the record has it"


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_of("neighbours-unchanged", "people", f"2 rows, {_ZERO}"), f"neighbours-unchanged: people: {_RECORD}"),
        (_again, f"{_TASKS}: {_RECORD}"),
        (_rows_hidden, "nothing-left-behind: old.db:secrets"),
        *thorough(
            (
                _of("indexes-created", "tasks: tasks_title", _SQL.replace("title)", "id)")),
                "indexes-created: as in sql.log",
            ),
            (_held("target", "after", "people"), "target: contents: after: people"),
            (_unlisted("indexes-created", "tasks: tasks_title"), "indexes-created: as in sql.log"),
            (_all_excused("foreign-keys"), "foreign-keys: target: foreign_key_check: not required"),
            (
                _of("neighbours-unchanged", "target: encoding", "UTF-16le"),
                f"neighbours-unchanged: target: encoding: {_RECORD}",
            ),
            (_of("rows-exact", "tasks <- old.db:tasks", f"3 rows, {_ZERO}"), f"{_TASKS}: {_RECORD}"),
            (_of("dump-reloads", "databases/old.sql", _ZERO), f"dump-reloads: databases/old.sql: {_RECORD}"),
            (_of("rows-counted", "target: tasks", "2 rows"), f"rows-counted: target: tasks: {_RECORD}"),
            (_of("rows-as-stated", "old.db:tasks", "2 rows"), f"rows-as-stated: old.db:tasks: {_RECORD}"),
            (_of("rows-expected", "old.db:tasks", "2 rows"), f"rows-expected: old.db:tasks: {_RECORD}"),
            (_of("sources-readable", "old.db", observed="1 table, 1 row"), f"sources-readable: old.db: {_RECORD}"),
            (_of("committed", "main.db", "20200101_000000"), f"committed: main.db: {_RECORD}"),
            (_of("integrity", "target: integrity_check", "row 5"), f"integrity: target: integrity_check: {_RECORD}"),
            (_of("no-duplicates", "tasks (id)", "7 repeated keys"), f"no-duplicates: tasks (id): {_RECORD}"),
            (
                _of("foreign-keys", "target: foreign_key_check", "9 rows without a parent"),
                f"foreign-keys: target: foreign_key_check: {_RECORD}",
            ),
            (_of("archived", "old.db", "old.db is there"), f"archived: old.db: {_RECORD}"),
            (_of("tables-created", "tags", "1 column: task TEXT"), f"tables-created: tags: {_RECORD}"),
            (_of("names-free", "small", observed="1 statement tried"), f"names-free: small: {_RECORD}"),
            (_size(5), "size-reasonable: number"),
            (_size(4096 * 2000), "size-reasonable: number"),
            (_held("old", "backup", "tags"), "old: contents: backup: tags"),
            (_held("old", "dump", "tags"), "old: contents: dump: tags"),
            (_held("old", "archive", "tags"), "old: contents: archive: tags"),
            (_skipped, "moves: old.db:tasks: skipped"),
            (lambda document: document["archive"].update({"old.db": "elsewhere.db"}), "archive: old.db"),
            (lambda document: document.update(backup_set="backups/other"), "backup_set"),
            (lambda document: document["sources"][0].update(file="OLD.db"), "sources: old: file"),
            (lambda document: document["sources"][0]["after"].update(size=4096), "sources: old: after"),
            (lambda document: document["smoke"].append(document["smoke"][0]), "smoke: the store reads its tasks"),
            (_unlisted("triggers-in-place", "trigger tasks_kept"), "triggers-in-place: as in sql.log"),
            (
                _unlisted("final-digest", "trigger tasks_kept"),
                "final-digest: trigger tasks_kept: as in triggers-in-place",
            ),
            (_unlisted("code-compiles", "app/store.py"), "code-compiles: app/store.py"),
            (_unlisted("backup-complete", "app/store.py"), "backup-complete: app/store.py"),
            (
                _unlisted("backup-complete", "permissions of the backup set"),
                "backup-complete: permissions of the backup set",
            ),
            (
                _unlisted("neighbours-unchanged", "target: user_version"),
                "neighbours-unchanged: target: user_version",
            ),
            (_all_excused("no-stale-references"), "no-stale-references: scanned files: not required"),
            (_all_excused("logs-clean"), "logs-clean: *.log: not required"),
            (_all_excused("code-compiles"), "code-compiles: app/store.py: not required"),
            (_level, "findings: rows-replaced: level"),
            (_left, "findings"),
            (
                _of("rehearsed", "consolidation.toml", "one", outcome="passed", examined=1),
                f"rehearsed: consolidation.toml: {_RECORD}",
            ),
        ),
    ],
)
def test_forged_entry_contradicts_the_record(
    files: Files, tmp_path: Path, change: Callable[[Any], None], subject: str
) -> None:
    """Expected and observed are both forged. The rest of the bundle states otherwise."""
    edit(files, change)

    assert subject in failing_subjects(tmp_path, files).get("evidence-consistent", {""})


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("rows = 3", "rows = 4", f"rows-as-stated: old.db:tasks: {_RECORD}"),
        (
            '  name = "tags"\n',
            '  name = "tags"\n  create = "CREATE TABLE tags(task TEXT DEFAULT 7, tag TEXT)"\n',
            "plan.toml: create of tags: as in sql.log",
        ),
        *thorough(
            ("format = 1", 'format = 1\nrequire_rehearsal = "24h"', "rehearsed: consolidation.toml"),
            ("format = 1", "format = 1\nestimates = { backup = 60 }", "stages: 20-backup: estimate"),
            ('files = ["*.log"]', 'files = ["x/*.log"]', "logs-clean: x/*.log"),
            (
                "[[reference]]",
                '[[insert]]\nfile = "app/store.py"\ncode = "def f(): pass"\n\n[[reference]]',
                f"references-found: small: {_RECORD}",
            ),
            (
                '  name = "tags"\n',
                (
                    '  name = "tags"\n  on_conflict = "prefer-source"\n'
                    '  [[source.leave]]\n  tables = ["t*"]\n  reason = "x"\n'
                ),
                "",
            ),
        ),
    ],
)
def test_forged_plan_contradicts_the_evidence(files: Files, tmp_path: Path, old: str, new: str, subject: str) -> None:
    """Its digest is computed again. Leaving a moved table changes nothing."""
    text = files["plan.toml"].decode()
    assert old in text
    files["plan.toml"] = text.replace(old, new, 1).encode()
    digest = hashlib.sha256(files["plan.toml"]).hexdigest()
    edit(files, lambda document: document["plan"].update(sha256=digest))

    assert subject in failing_subjects(tmp_path, files).get("evidence-consistent", {""})


def test_check_names_what_of_the_plan_is_not_compared(files: Files, tmp_path: Path) -> None:
    """Nothing in the evidence repeats the scanned paths."""
    write(tmp_path / "bundle", files)

    observations = check_entries(parse_bundle(read_bundle(tmp_path / "bundle")))

    [unrepeated] = [each for each in observations if each.subject == "plan.toml: facts that only it has"]
    assert unrepeated.holds
    assert "[scan]" in unrepeated.observed
