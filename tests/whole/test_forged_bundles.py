"""A bundle is held against itself: each forgery fits its digests, and is found by what it contradicts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import go_through
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.report.bundle_check.bundle_run import BundleRun
from sqlite_consolidate.report.bundle_check.drawn.page import completed
from sqlite_consolidate.report.bundle_check.entries import consistent
from sqlite_consolidate.report.bundle_check.files import agreeing
from sqlite_consolidate.report.bundle_check.parse import tell
from sqlite_consolidate.report.bundle_check.reader import Bundle, read_bundle
from sqlite_consolidate.report.html.page_file import own_styles, page_file, surround_of
from sqlite_consolidate.report.records import DIGESTS
from tests.support.reports.forgery import Files, edit, entry_of, moved_back, seal_anew, write
from tests.support.whole_run import Workspace, small_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_AROUND = "audit.html: around the record"
_CHANGE = """
[change]
id = "CHG-1042"
reason = "one database"
requested_by = "R. Asker"
approved_by = "A. Prover"  # on the phone

[[smoke]]
name = "counts lines"
python = "print(1)"
expect = { stdout = "^1$", lines = 1 }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``.zip`` of an accepted migration with a change record, after a rehearsal."""
    workspace = small_workspace(tmp_path_factory.mktemp("made"))
    plan = workspace.root / "consolidation.toml"
    plan.write_text(plan.read_text() + _CHANGE)
    workspace.execute("main.db", "CREATE TABLE empty(x); CREATE TABLE single(x); INSERT INTO single VALUES (1)")
    rehearsed = workspace.forked("verify")
    assert rehearsed.exit == 0, rehearsed.text
    ran = workspace.forked("migrate")
    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    return ran.folder.with_suffix(".zip")


@pytest.fixture
def files(made: Path) -> Files:
    """Its files, to be forged."""
    return dict(read_bundle(made).files)


def found(folder: Path, files: Files) -> dict[str, set[str]]:
    """Return the subjects that do not hold, by their criteria."""
    write(folder / "bundle", files)
    settings = Settings(workspace=folder / "nowhere", plan=folder / "none.toml", reports=folder)
    run = BundleRun(RunRequest(Mode.BUNDLE, settings), folder / "bundle")
    go_through(run)
    return {
        criterion: {entry.subject for entry in result.evidence if not entry.holds}
        for criterion, result in run.log.results.items()
        if not result.outcome.holds
    }


def _damaged(document: Any) -> None:
    entry_of(document, "integrity")["observed"] = "row 5 missing from index x"


def _worded(document: Any) -> None:
    entry_of(document, "integrity").update(observed="row 5 missing from index x", relation="stated")


def _unrelated(document: Any) -> None:
    entry_of(document, "integrity").update(observed="row 5 missing from index x", relation=None)


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


def _without(criterion: str, place: int = 0) -> Callable[[Any], None]:
    def _remove(document: Any) -> None:
        document["criteria"].remove(entry_of(document, criterion, place))

    return _remove


def _excused(document: Any) -> None:
    entry_of(document, "rows-exact").update(outcome="not required", examined=0)


def _source_forgotten(document: Any) -> None:
    """Take out everything that names the source, its row counts and all."""
    document.update(sources=[], moves=[])
    document["criteria"] = [entry for entry in document["criteria"] if "old.db" not in entry["subject"]]


def _approver(document: Any) -> None:
    document["change"]["approved_by"] = "Somebody Else"


def _application(document: Any) -> Any:
    [application] = [each for each in document["smoke"] if each["name"] == "counts lines"]
    return application


def _of_application(**values: object) -> Callable[[Any], None]:
    """Return a forgery of what an application did."""

    def _update(document: Any) -> None:
        _application(document).update(values)

    return _update


def _application_forgotten(document: Any) -> None:
    document["smoke"].remove(_application(document))


def _application_invented(document: Any) -> None:
    document["smoke"].append({**_application(document), "name": "approves all of it"})


def _other_match(document: Any) -> None:
    entries = (entry for entry in document["criteria"] if entry["id"] == "smoke:counts lines")
    next(entry for entry in entries if entry["expected"] == "output matches ^1$")["observed"] = (
        "2 characters, a match: 2"
    )


def _of_rehearsal(**values: object) -> Callable[[Any], None]:
    """Return a forgery of the earlier run that is listed."""

    def _update(document: Any) -> None:
        document["attempts"][0].update(values)

    return _update


def _listed_twice(document: Any) -> None:
    document["attempts"] *= 2


def _this_run_listed(document: Any) -> None:
    document["attempts"].append({**document["attempts"][0], "run": document["run"], "mode": "migrate", "report": ""})


def _never_rehearsed(document: Any) -> None:
    document["attempts"] = []


def _headline(document: Any) -> None:
    document["headline"] = "Accepted: consolidated, approved by Somebody Else."


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_of_application(ended="exit status 1"), "smoke:counts lines: exit status 0"),
        (_of_application(ended="still running after 30 s"), "smoke:counts lines: ends within 30 s"),
        (_of_application(stdout="2\n"), "smoke:counts lines: output matches ^1$"),
        (_of_application(stdout="1\n1\n", lines=2), "smoke:counts lines: 1 lines of output"),
        (_of_application(stdout="\n\n1\n"), "smoke: counts lines: lines"),
        (_of_application(seconds=77.0), "smoke:counts lines: ends within 30 s"),
        (_of_application(command="true"), "smoke: counts lines: command"),
        (_other_match, "smoke:counts lines: output matches ^1$"),
        (_application_forgotten, "smoke: counts lines"),
        (_application_invented, "smoke: approves all of it"),
        (_of_rehearsal(verdict="refused"), "headline"),
        (_of_rehearsal(exit_code=1), "exit_code"),
        (_of_rehearsal(mode="check"), "mode"),
        (_of_rehearsal(started="2999-01-01T00:00:00+00:00"), "started"),
        (_of_rehearsal(finished="2001-01-01T00:00:00+00:00"), "finished"),
        (_of_rehearsal(finished=""), "cut_short"),
        (_of_rehearsal(report="20010101_000000-rehearsal"), "report"),
        (_listed_twice, "attempts"),
        (_this_run_listed, "attempts: {run}"),
        (_never_rehearsed, "rollback: drilled"),
    ],
)
def test_lists_of_evidence_that_contradict_it_are_found(
    files: Files, tmp_path: Path, change: Callable[[Any], None], subject: str
) -> None:
    """What an application did is judged again by the plan; an earlier run has to be possible."""
    document = json.loads(files["evidence.json"])
    change(document)
    edit(files, change)

    subjects = found(tmp_path, files)["evidence-consistent"]

    rehearsal = f"attempts: {document['attempts'][0]['run']}: {subject}" if document["attempts"] else subject
    assert {subject.format(run=document["run"]), rehearsal} & subjects


def _in_the_future(document: Any) -> None:
    moved_back(document, timedelta(days=-400))


def _long_ago(document: Any) -> None:
    moved_back(document, timedelta(days=400))


def _ended_before(document: Any) -> None:
    document["finished"] = "2001-01-01T00:00:00+00:00"


def _slow(document: Any) -> None:
    document["stages"][0]["seconds"] = 90_000


def _other_way_back(command: str) -> Callable[[Any], None]:
    return lambda document: document["rollback"].update(command=command)


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_in_the_future, "finished"),
        (_long_ago, "run: time"),
        (_ended_before, "finished"),
        (_slow, "stages: seconds"),
        (lambda document: document.update(run=document["run"].replace("migrate", "rollback")), "run: mode"),
        (_other_way_back("rm -rf /srv/workspace"), "rollback: command"),
        (_other_way_back("pytest -m rollback --workspace=/srv; rm -rf /srv"), "rollback: command"),
        (_other_way_back("pytest -m rollback --workspace='/srv"), "rollback: command"),
        (_other_way_back("pytest -m rollback --rootdir=/elsewhere"), "rollback: command"),
    ],
)
def test_record_that_no_run_can_have_left_is_found(
    files: Files, tmp_path: Path, change: Callable[[Any], object], subject: str
) -> None:
    """Its times, its id and its way back have to be those of one run."""
    edit(files, change)

    assert subject in found(tmp_path, files)["files-agree"]


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"schema": 2}, "manifest.json: schema of the manifest"),
        ({"run": "20010101_000000-migrate"}, "manifest.json: run of the manifest"),
        ({"approved_by": "X"}, "manifest.json: keys"),
    ],
)
def test_manifest_that_is_not_of_the_run_is_found(
    files: Files, tmp_path: Path, change: dict[str, object], subject: str
) -> None:
    """It names the run in two places, and has a schema of its own."""
    manifest = json.loads(files["manifest.json"]) | change
    files["manifest.json"] = json.dumps(manifest).encode()

    assert subject in found(tmp_path, files)["files-agree"]


def test_file_that_no_run_leaves_is_found_though_it_is_listed(files: Files, tmp_path: Path) -> None:
    """Nothing would say what it is."""
    files["approval.pdf"] = b"%PDF"
    seal_anew(files)

    assert found(tmp_path, files) == {"bundle-whole": {"approval.pdf"}}


def test_log_of_sql_without_the_tables_that_were_moved_is_found(files: Files, tmp_path: Path) -> None:
    """An empty one, beside a list of moves."""
    files["sql.log"] = b""
    seal_anew(files)

    assert {"sql.log: old.db:tasks", "sql.log: old.db:tags"} <= found(tmp_path, files)["files-agree"]


def test_folder_of_another_run_in_the_zip_is_found(made: Path, tmp_path: Path) -> None:
    """Whoever unzips it would find it under that name."""
    with zipfile.ZipFile(made) as archive, zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        for name in archive.namelist():
            other.writestr(name.replace(made.stem, "20010101_000000-migrate"), archive.read(name))

    wrong = [seen.subject for seen in agreeing(tell(read_bundle(tmp_path / "other.zip"))) if not seen.holds]

    assert wrong == ["folder in the zip"]


def in_page(pattern: str, text: str) -> Callable[[Files], None]:
    """Return a forgery of the page: what a regular expression finds first is replaced."""

    def _replace(files: Files) -> None:
        page = files["audit.html"].decode()
        forged = re.sub(pattern, lambda _found: text, page, count=1)
        assert forged != page
        files["audit.html"] = forged.encode()

    return _replace


def _page_tests(change: Callable[[dict[str, Any]], object]) -> Callable[[Files], None]:
    """Return a forgery of the page's table of tests, drawn anew by the means of a forger."""

    def _draw(files: Files) -> None:
        around, told = surround_of(files["audit.html"].decode()), tell(Bundle("forged", files))
        assert around is not None
        assert told.record is not None
        change(around.data["tests"])
        files["audit.html"] = page_file(completed(told, told.record), around).encode()

    return _draw


def _all_skipped(rows: dict[str, Any]) -> None:
    for row in (row for each in rows.values() for row in each):
        row["result"] = "Skipped"
        row["resultsTableRow"][0] = '<td class="col-result">Skipped</td>'


def in_junit(old: str, new: str) -> Callable[[Files], None]:
    """Return a forgery of the test report: a text that it has is replaced once."""

    def _replace(files: Files) -> None:
        report = files["junit.xml"].decode()
        assert old in report
        files["junit.xml"] = report.replace(old, new, 1).encode()

    return _replace


def _no_xml(files: Files) -> None:
    files["junit.xml"] = b"all tests passed"


_ENTITY = '<!DOCTYPE testsuites [<!ENTITY x "approved">]><testsuites'
_CLEAN = '<!-- <testsuite errors="0" failures="0" skipped="0" tests="50"> --><testsuite '
_DAMAGE = 'name="test_databases_are_intact" '


@pytest.mark.parametrize(
    ("forge", "subject"),
    [
        (_no_xml, "junit.xml"),
        (in_junit("<testsuites", _ENTITY), "junit.xml"),
        (in_junit("<testsuite ", _CLEAN), "junit.xml"),
        (in_junit("</testsuites>", "<testsuite/></testsuites>"), "junit.xml"),
        (in_junit("</testsuites>", "approved</testsuites>"), "junit.xml"),
        (in_junit("</testsuites>", "<approved/></testsuites>"), "junit.xml"),
        (in_junit("</testsuite>", '<testcase name="x"><failure/></testcase></testsuite>'), "junit.xml: failures"),
        (in_junit("</testsuite>", '<testcase name="x"/></testsuite>'), "junit.xml: counts"),
        (in_junit("</testsuite>", '<testcase name="x"/></testsuite>'), "junit.xml: tests of the run"),
        (in_junit('errors="0"', 'errors="1"'), "junit.xml: counts"),
        (in_junit('skipped="0"', 'skipped="9"'), "junit.xml: counts"),
        (in_junit('tests="', 'tests="9'), "junit.xml: counts"),
        (in_junit('hostname="', 'hostname="other-'), "junit.xml: hostname"),
        (in_junit('timestamp="2', 'timestamp="1'), "junit.xml: timestamp"),
        (in_junit('timestamp="2', 'timestamp="x'), "junit.xml: timestamp"),
        (in_junit(_DAMAGE, 'name="test_all_is_well" '), "junit.xml: tests of the run"),
        (in_junit(_DAMAGE, 'name="test_all_is_well" '), "audit.html: tests as in junit.xml"),
        (in_junit(_DAMAGE, 'name="test_plan_is_valid" '), "junit.xml: counts"),
        (in_page(r"test_databases_are_intact", "test_all_is_well"), "audit.html: tests"),
        (_page_tests(lambda rows: rows.popitem()), "audit.html: tests of the run"),
        (_page_tests(lambda rows: rows.popitem()), "audit.html: tests as in junit.xml"),
        (_page_tests(lambda rows: rows.update({"x": next(iter(rows.values()))})), "audit.html: tests of the run"),
        (_page_tests(_all_skipped), "audit.html: outcomes of tests"),
    ],
)
def test_report_of_other_tests_than_the_run_had_is_found(
    files: Files, tmp_path: Path, forge: Callable[[Files], None], subject: str
) -> None:
    """Another test, outcome, number, host or time, and whatever pytest does not write there."""
    forge(files)
    seal_anew(files)

    assert subject in found(tmp_path, files)["files-agree"]


def test_headline_that_does_not_follow_is_found(files: Files, tmp_path: Path) -> None:
    """It is made of the verdict and of what became of the workspace."""
    edit(files, _headline)

    assert "headline" in found(tmp_path, files)["verdict-follows"]


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_damaged, "integrity: target: integrity_check"),
        (_worded, "integrity: target: integrity_check: relation"),
        (_unrelated, "integrity: target: integrity_check"),
        (_written_late, "no-late-writes: old.db"),
        (_written_late_twice, "no-late-writes: old.db: as in the list of databases"),
        (_too_large, "size-reasonable: target"),
        (_other_number, "size-reasonable: target"),
        (_exit_status, "smoke:counts lines: python -c 'print(1)'"),
        (_digest, "rows-exact: tasks <- old.db:tasks"),
        (_without("rows-exact"), "rows-exact: tasks <- old.db:tasks"),
        (_without("integrity-before"), "integrity-before: main.db"),
        (_without("final-digest"), "final-digest: target: people"),
        (_without("smoke:counts lines"), "smoke:counts lines: "),
        (_without("backup-digest"), "backup-digest: main.db"),
        (_without("neighbours-unchanged"), "neighbours-unchanged: people"),
        (_without("no-late-writes"), "no-late-writes: old.db"),
        (_excused, "rows-exact: tasks <- old.db:tasks"),
        (_source_forgotten, "sources: old.db"),
        (_approver, "change: approved_by: as in plan.toml"),
    ],
)
def test_evidence_that_contradicts_itself_is_found(
    files: Files, tmp_path: Path, change: Callable[[Any], None], subject: str
) -> None:
    """By an entry that names criterion and subject of what was forged."""
    edit(files, change)

    assert subject in found(tmp_path, files)["evidence-consistent"]


_ZERO = "0" * 64


def _of(criterion: str, subject: str, text: str = "", **values: object) -> Callable[[Any], None]:
    """Return a forgery of all entries about a subject; a text is both what was expected and what was observed."""
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
        (
            _of("neighbours-unchanged", "target: encoding", "UTF-16le"),
            f"neighbours-unchanged: target: encoding: {_RECORD}",
        ),
        (_of("rows-exact", "tasks <- old.db:tasks", f"3 rows, {_ZERO}"), f"{_TASKS}: {_RECORD}"),
        (_again, f"{_TASKS}: {_RECORD}"),
        (_of("dump-reloads", "databases/old.sql", _ZERO), f"dump-reloads: databases/old.sql: {_RECORD}"),
        (_of("rows-counted", "target: tasks", "2 rows"), f"rows-counted: target: tasks: {_RECORD}"),
        (_of("rows-as-stated", "old.db:tasks", "2 rows"), f"rows-as-stated: old.db:tasks: {_RECORD}"),
        (_of("rows-expected", "old.db:tasks", "2 rows"), f"rows-expected: old.db:tasks: {_RECORD}"),
        (_of("sources-readable", "old.db", observed="1 table, 1 row"), f"sources-readable: old.db: {_RECORD}"),
        (_of("committed", "main.db", "20200101_000000"), f"committed: main.db: {_RECORD}"),
        (_of("integrity", "target: integrity_check", "row 5"), f"integrity: target: integrity_check: {_RECORD}"),
        (_of("no-duplicates", "tasks (id)", "7 keys twice"), f"no-duplicates: tasks (id): {_RECORD}"),
        (
            _of("foreign-keys", "target: foreign_key_check", "9 rows without a parent"),
            f"foreign-keys: target: foreign_key_check: {_RECORD}",
        ),
        (_of("archived", "old.db", "old.db is there"), f"archived: old.db: {_RECORD}"),
        (_of("indexes-created", "tasks: tasks_title", _SQL.replace("title)", "id)")), "indexes-created: as in sql.log"),
        (_of("tables-created", "tags", "1 column: task TEXT"), f"tables-created: tags: {_RECORD}"),
        (_of("names-free", "small", observed="1 statement tried"), f"names-free: small: {_RECORD}"),
        (_size(5), "size-reasonable: number"),
        (_size(4096 * 2000), "size-reasonable: number"),
        (_held("target", "after", "people"), "target: contents: after: people"),
        (_held("old", "backup", "tags"), "old: contents: backup: tags"),
        (_held("old", "dump", "tags"), "old: contents: dump: tags"),
        (_held("old", "archive", "tags"), "old: contents: archive: tags"),
        (_skipped, "moves: old.db:tasks: skipped"),
        (_rows_hidden, "nothing-left-behind: old.db:secrets"),
        (lambda document: document["archive"].update({"old.db": "elsewhere.db"}), "archive: old.db"),
        (lambda document: document.update(backup_set="backups/other"), "backup_set"),
        (lambda document: document["sources"][0].update(file="OLD.db"), "sources: old: file"),
        (lambda document: document["sources"][0]["after"].update(size=4096), "sources: old: after"),
        (lambda document: document["smoke"].append(document["smoke"][0]), "smoke: the store reads its tasks"),
        (_unlisted("indexes-created", "tasks: tasks_title"), "indexes-created: as in sql.log"),
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
        (_all_excused("foreign-keys"), "foreign-keys: target: foreign_key_check: not required"),
        (_all_excused("code-compiles"), "code-compiles: app/store.py: not required"),
        (_level, "findings: rows-replaced: level"),
        (_left, "findings"),
        (
            _of("rehearsed", "consolidation.toml", "one", outcome="passed", examined=1),
            f"rehearsed: consolidation.toml: {_RECORD}",
        ),
    ],
)
def test_entry_that_the_record_does_not_give_is_found(
    files: Files, tmp_path: Path, change: Callable[[Any], None], subject: str
) -> None:
    """What was expected is forged as well as what was observed; the rest of the bundle says otherwise."""
    edit(files, change)

    assert subject in found(tmp_path, files).get("evidence-consistent", {""})


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("rows = 3", "rows = 4", f"rows-as-stated: old.db:tasks: {_RECORD}"),
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
            '  name = "tags"\n  create = "CREATE TABLE tags(task TEXT DEFAULT 7, tag TEXT)"\n',
            "plan.toml: create of tags: as in sql.log",
        ),
        (
            '  name = "tags"\n',
            '  name = "tags"\n  on_conflict = "prefer-source"\n  [[source.leave]]\n  tables = ["t*"]\n  reason = "x"\n',
            "",
        ),
    ],
)
def test_other_plan_is_found_by_the_evidence_that_it_does_not_give(
    files: Files, tmp_path: Path, old: str, new: str, subject: str
) -> None:
    """Its digest is made to fit; a table that is moved cannot be left, so that leaving it changes nothing."""
    text = files["plan.toml"].decode()
    assert old in text
    files["plan.toml"] = text.replace(old, new, 1).encode()
    digest = hashlib.sha256(files["plan.toml"]).hexdigest()
    edit(files, lambda document: document["plan"].update(sha256=digest))

    assert subject in found(tmp_path, files).get("evidence-consistent", {""})


def test_check_names_what_of_the_plan_is_not_compared(files: Files, tmp_path: Path) -> None:
    """Nothing in the evidence repeats the scanned paths."""
    write(tmp_path / "bundle", files)

    observations = consistent(tell(read_bundle(tmp_path / "bundle")))

    [unrepeated] = [each for each in observations if each.subject == "plan.toml: what only it says"]
    assert unrepeated.holds
    assert "[scan]" in unrepeated.observed


_RUNS = "alert(1)"
_HASH = re.compile(r"sha256-[^']*'")


def _own_policy(files: Files) -> None:
    """Put in a script, and let the page's own policy allow it."""
    digest = base64.b64encode(hashlib.sha256(_RUNS.encode()).digest()).decode()
    page = files["audit.html"].decode()
    page = _HASH.sub(f"sha256-{digest}'", page, count=1).replace("</body>", f"<script>{_RUNS}</script></body>")
    files["audit.html"] = page.encode()


def _over_the_page(text: str) -> Callable[[Files], None]:
    """Return a forgery of the place where the styles of an operator are."""

    def _put(files: Files) -> None:
        page, end = files["audit.html"].decode(), own_styles().rstrip()[-40:]
        assert end in page
        files["audit.html"] = page.replace(end, f"{end}\n{text}\n", 1).encode()

    return _put


@pytest.mark.parametrize(
    ("forge", "subject"),
    [
        (in_page(r"<b>\d+</b> criteria", "<b>99</b> criteria"), "audit.html: verdict"),
        (in_page(r"2 databases|1 database\b", "7 databases"), "audit.html: glance"),
        (in_page(r"A\. Prover", "Somebody Else"), "audit.html: glance"),
        (in_page(r"(?<=<dt>Rows</dt><dd>)[^<]*", "5000 before"), "audit.html: tables"),
        (
            in_page(r"(?s)(?<=id=\"signatures\").*?Somebody|A\. Prover(?=</td><td></td>)", "Else"),
            "audit.html: signatures",
        ),
        (in_page("</section>", "<p>All is well.</p></section>"), "audit.html: verdict"),
        (in_page("</section>", "</section><p>All is well.</p>"), "audit.html: outside of its sections"),
        (in_page("</body>", f"<script>{_RUNS}</script></body>"), "audit.html: scripts"),
        (in_page("</body>", '<script src="https://example.com/x.js"></script></body>'), "audit.html: scripts"),
        (in_page("<body>", f'<body onload="{_RUNS}">'), "audit.html: scripts"),
        (in_page('href="#criteria"', f'href="javascript:{_RUNS}"'), "audit.html: scripts"),
        (in_page('<img src=""', '<img src="https://example.com/x.png"'), "audit.html: scripts"),
        (
            in_page("</body>", '<meta http-equiv="refresh" content="0;url=https://example.com"></body>'),
            "audit.html: scripts",
        ),
        (in_page("</style>", "@import 'https://example.com/x.css';</style>"), "audit.html: scripts"),
        (in_page("script-src '[^']*'", "script-src 'unsafe-inline'"), "audit.html: content policy"),
        (_own_policy, "audit.html: scripts"),
        (in_page(r'(?<=<td class="number">)3(?=</td><td class="number">3</td></tr>)', "4"), "audit.html: pictures"),
        (in_page(r'(?<=<td class="number">3</td><td class="number">)3(?=</td></tr>)', "4"), "audit.html: pictures"),
        (in_page("</body>", "<style>main { display: none }</style></body>"), _AROUND),
        (in_page("</head>", "<style>main { display: none }</style></head>"), _AROUND),
        (in_page("(?s)</style>(?!.*</style>)", "main { display: none }</style>"), "audit.html: styles"),
        (in_page('<style type="text/css">', '<style type="text/css">main { display: none }'), "audit.html: styles"),
        (_over_the_page("</style ><div>All checks approved by X</div><style>"), _AROUND),
        (_over_the_page("</STYLE/><div>All checks approved by X</div><style>"), _AROUND),
        (_over_the_page("</style\t></style><div>All checks approved by X</div><style>"), _AROUND),
        (in_page("<main>", '<main style="display: none">'), _AROUND),
        (in_page("<main>", "<main><p>All checks approved by X</p>"), _AROUND),
        (in_page("</main>", "<p>All checks approved by X</p></main>"), _AROUND),
        (in_page("</html>", "</html>All checks approved by X"), _AROUND),
        (in_page("</header>", "<!-- approved --></header>"), _AROUND),
        (in_page("sqlite-consolidate: migrate", "sqlite-consolidate: approved"), _AROUND),
        (in_page(r"\d+ Passed,", "99 Passed,"), _AROUND),
        (in_page(r"\d+ tests took", "99 tests took"), _AROUND),
        (in_page(r"(?<=Report generated on )[^ ]*", "01-Jan-2001"), "audit.html: date"),
        (in_page(r"(?<=Report generated on )[^ ]*", "a day of X"), _AROUND),
        (in_page("No log output captured.", "All checks approved by X"), "audit.html: tests"),
        (in_page(r"(?<=test_everything_is_read&lt;/td&gt;)", "&lt;b&gt;Approved&lt;/b&gt;"), "audit.html: tests"),
        (in_page("(?<=col-result&#92;&#34;&gt;)Passed|(?<=&gt;)Passed(?=&lt;)", "Approved"), "audit.html: tests"),
        (in_page("(?<=&#34;platform&#34;: &#34;)", "Other-"), "audit.html: environment"),
        (in_page('class="outcome not-required"', 'class="outcome passed"'), "audit.html: verdict"),
        (in_page('<p class="headline">', '<p class="headline" hidden>'), "audit.html: verdict"),
        (in_page(r"(?<=<tr><th scope=\"row\">)\d+_\d+-rehearsal", "20010101_000000-rehearsal"), "audit.html: attempts"),
        (in_page(r'(?<=<span class="line added">\+)', "approved = True  "), "audit.html: code"),
        (in_page(r"(?<=-&gt; tasks: )3 rows", "4 rows"), "audit.html: sql"),
        (in_page(r"\d+ statements, in one", "99 statements, in one"), "audit.html: sql"),
        (in_page("(?<=<code>)1\n(?=</code>)", "Approved by X"), "audit.html: smoke"),
        (in_page("Nothing was looked at outside", "Everything was looked at outside"), "audit.html: unchecked"),
        (in_page('(?s)<section aria-labelledby="versions">.*?</section>', ""), "audit.html: versions"),
    ],
)
def test_page_that_is_not_that_of_the_evidence_is_found(
    files: Files, tmp_path: Path, forge: Callable[[Files], None], subject: str
) -> None:
    """Other numbers, another approver, words that nobody's evidence says, and whatever could act."""
    forge(files)
    seal_anew(files)

    assert subject in found(tmp_path, files)["files-agree"]


@pytest.mark.parametrize(
    ("name", "old", "new", "subject"),
    [
        ("summary.txt", b"approved by A. Prover", b"approved by Somebody Else", "summary.txt: line 4"),
        ("summary.txt", b" after; ", b"9 after; ", "summary.txt: line 8"),
        ("summary.txt", b"Backups:", b"Approved:  by X\nBackups:", "summary.txt: line 12"),
        ("sql.log", b"CREATE TRIGGER", b"CREATE TEMP TRIGGER", "audit.html: sql"),
        ("code.diff", b"main.db", b"other.db", "audit.html: code"),
        ("manifest.json", b'"workspace": "workspace"', b'"workspace": "other"', "manifest.json: workspace"),
    ],
)
def test_other_file_that_is_not_that_of_the_evidence_is_found(
    files: Files, tmp_path: Path, name: str, old: bytes, new: bytes, subject: str
) -> None:
    """Whatever line of it was changed."""
    assert old in files[name]
    files[name] = files[name].replace(old, new, 1)
    seal_anew(files)

    assert subject in found(tmp_path, files)["files-agree"]


def _comment(files: Files) -> None:
    """Let a comment of the plan name somebody else: nothing reads it."""
    old, new = (b"# on the phone", b"# approved_by = 'Somebody Else'")
    assert old in files["plan.toml"]
    before = hashlib.sha256(files["plan.toml"]).hexdigest()
    files["plan.toml"] = files["plan.toml"].replace(old, new)
    after = hashlib.sha256(files["plan.toml"]).hexdigest()
    for name in ("evidence.json", "summary.txt", "audit.html"):
        files[name] = files[name].replace(before.encode(), after.encode())


def _reordered(files: Files) -> None:
    document = json.loads(files["evidence.json"])
    files["evidence.json"] = json.dumps(dict(sorted(document.items()))).encode()


@pytest.mark.parametrize("change", [lambda _files: None, _comment, _reordered])
def test_honest_bundle_passes_however_it_was_written(
    files: Files, tmp_path: Path, change: Callable[[Files], None]
) -> None:
    """Sealed anew by the same means as each forgery."""
    change(files)
    seal_anew(files)

    assert found(tmp_path, files) == {}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("moves", 0, "rows"), 10**400),
        (("sources", 0, "before", "size"), 2**63),
        (("stages", 0, "seconds"), 1e308),
        (("smoke", 0, "seconds"), 2e9),
        (("findings", 0, "count"), 10**30),
    ],
)
def test_number_that_no_run_has_is_no_evidence(
    files: Files, tmp_path: Path, place: tuple[str | int, ...], value: float
) -> None:
    """Nothing is drawn of it: the schema bounds rows, bytes and seconds."""
    document = json.loads(files["evidence.json"])
    *path, key = place
    part = document
    for step in path:
        part = part[step]
    part[key] = value
    files["evidence.json"] = json.dumps(document).encode()
    seal_anew(files)

    assert f"evidence.json: {'/'.join(map(str, place))}" in found(tmp_path, files)["evidence-valid"]


def test_headline_says_that_a_bundle_of_another_release_is_checked_in_part(files: Files, tmp_path: Path) -> None:
    """A forger may name any release, and so switch checks off."""
    edit(files, lambda document: document["versions"].update({"sqlite-consolidate": "0.0.9"}))
    write(tmp_path / "bundle", files)

    ran = Workspace(tmp_path / "nowhere", tmp_path / "reports").forked("verify", f"--bundle={tmp_path / 'bundle'}")

    assert ran.exit == 0, ran.text
    assert [finding.level for finding in ran.findings if finding.id == "checked-in-part"] == ["attention"]
    assert "It was checked in part: release 0.0.9 made it" in ran.text


def test_command_says_what_digests_cannot_prove(made: Path, tmp_path: Path) -> None:
    """On the terminal, and in the report of the check, also where it is accepted."""
    ran = Workspace(tmp_path / "nowhere", tmp_path / "reports").forked("verify", f"--bundle={made}")

    assert (ran.exit, ran.failed) == (0, set()), ran.text
    assert DIGESTS in ran.text
    assert ran.folder is not None
    assert DIGESTS in (ran.folder / "audit.html").read_text("utf-8")


@pytest.mark.parametrize("arguments", [["--css={css}"], ["--show-values"], ["--withhold-output"]])
def test_honest_bundle_passes_whatever_was_asked_for(tmp_path: Path, arguments: list[str]) -> None:
    """Styles of the operator are counted, not compared."""
    css = tmp_path / "own.css"
    css.write_text("h1 { color: green }\n")
    workspace = small_workspace(tmp_path)
    workspace.execute("old.db", "INSERT INTO tasks VALUES ('d', 'four\x1b[2J', 4.5, NULL)")

    refused = workspace.forked("migrate", *(argument.format(css=css) for argument in arguments))
    workspace.execute("old.db", "DELETE FROM tasks WHERE id = 'd'")
    ran = workspace.forked("migrate", *(argument.format(css=css) for argument in arguments))

    assert (refused.exit, ran.exit) == (4, 0), refused.text + ran.text
    for each in (refused, ran):
        assert each.folder is not None
        assert found(tmp_path / each.folder.name, dict(read_bundle(each.folder).files)) == {}


_ODD = """
[[source.table]]
name = "é"

[[source.table]]
name = "É"

[[smoke]]
name = "prints a path and a control character"
python = "print('C:' + chr(92) + 'x64 ok' + chr(27) + '[0m' + chr(9))"
expect = { stdout = "x64 ok", lines = 1 }
"""


def test_honest_bundle_of_odd_texts_passes(tmp_path: Path) -> None:
    """A tab in statements, names that differ in the case of a letter beyond ASCII, and an output like an escape."""
    workspace = small_workspace(tmp_path)
    plan = workspace.root / "consolidation.toml"
    tables, smoke = _ODD.split("[[smoke]]")
    text = plan.read_text()
    place = text.index("[[source.table]]")
    plan.write_text(f"{text[:place]}{tables}\n{text[place:]}\n[[smoke]]{smoke}")
    workspace.execute("old.db", 'CREATE TABLE "é"(a); INSERT INTO "é" VALUES (1); CREATE TABLE "É"(a,\tb)')
    workspace.execute("old.db", 'CREATE INDEX "i\tx" ON\t"é"(a); CREATE INDEX j ON\t"É"(a,\r\n\tb)\tWHERE\ta>1')
    workspace.execute(
        "main.db", "CREATE TABLE zz(a); CREATE INDEX oi ON\tzz(a); CREATE VIEW seen AS\n\tSELECT\ta FROM zz"
    )

    ran = workspace.forked("migrate")

    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    assert found(tmp_path, dict(read_bundle(ran.folder).files)) == {}


def test_honest_bundle_passes_where_no_table_is_moved(tmp_path: Path) -> None:
    """Its headline says so, and criteria that have nothing to look at say why."""
    workspace = small_workspace(tmp_path)
    plan = workspace.plan.read_text()
    source, references = plan.index("  [[source.table]]"), plan.index("[scan]")
    left = '  [[source.leave]]\n  tables = ["*"]\n  reason = "none is needed"\n\n'
    workspace.plan.write_text(plan[:source] + left + plan[references:])
    workspace.edit("app/store.py", "old.db", "main.db")
    workspace.edit("consolidation.toml", "from app.store import titles; print(len(titles()))", "print(3)")

    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    assert found(tmp_path, dict(read_bundle(ran.folder).files)) == {}


def test_honest_bundle_of_a_rehearsal_passes(tmp_path: Path) -> None:
    """Its backup set is gone, and its rollback is demanded."""
    workspace: Workspace = small_workspace(tmp_path)
    ran = workspace.forked("verify")
    assert ran.folder is not None
    honest = dict(read_bundle(ran.folder).files)
    without = dict(honest)

    assert found(tmp_path / "honest", honest) == {}
    edit(without, _without("restored-exact"))
    assert "evidence-consistent" in found(tmp_path / "forged", without)
