"""Find forged lists and files in bundles whose digests were computed again."""

from __future__ import annotations

import json
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.report.bundle_check.files import check_agreement
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.pytest_files.page import complete_record
from sqlite_consolidate.report.bundle_check.reader import Bundle, read_bundle
from sqlite_consolidate.report.html.page_file import parse_page_file, render_page_file
from tests.support.reports.forgery import Files, edit, failing_subjects, in_page, shift_earlier, update_digests
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
        "output matches (2 characters): 2"
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


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_of_application(ended="exit status 1"), "smoke:counts lines: exit status 0"),
        (_never_rehearsed, "rollback: drilled"),
        *thorough(
            (_application_invented, "smoke: approves all of it"),
            (_of_rehearsal(verdict="refused"), "headline"),
            (_of_rehearsal(started="2999-01-01T00:00:00+00:00"), "started"),
            (_of_application(ended="still running after 30 s"), "smoke:counts lines: ends within 30 s"),
            (_of_application(stdout="2\n"), "smoke:counts lines: output matches ^1$"),
            (_of_application(stdout="1\n1\n", lines=2), "smoke:counts lines: 1 lines of output"),
            (_of_application(stdout="\n\n1\n"), "smoke: counts lines: lines"),
            (_of_application(seconds=77.0), "smoke:counts lines: ends within 30 s"),
            (_of_application(command="true"), "smoke: counts lines: command"),
            (_other_match, "smoke:counts lines: output matches ^1$"),
            (_application_forgotten, "smoke: counts lines"),
            (_of_rehearsal(exit_code=1), "exit_code"),
            (_of_rehearsal(mode="check"), "mode"),
            (_of_rehearsal(finished="2001-01-01T00:00:00+00:00"), "finished"),
            (_of_rehearsal(finished=""), "cut_short"),
            (_of_rehearsal(report="20010101_000000-rehearsal"), "report"),
            (_listed_twice, "attempts"),
            (_this_run_listed, "attempts: {run}"),
        ),
    ],
)
def test_lists_of_evidence_that_contradict_it_are_found(
    files: Files, tmp_path: Path, change: Callable[[Any], None], subject: str
) -> None:
    """Applications are judged again by the plan, and an earlier run must be possible."""
    document = json.loads(files["evidence.json"])
    change(document)
    edit(files, change)

    subjects = failing_subjects(tmp_path, files)["evidence-consistent"]

    rehearsal = f"attempts: {document['attempts'][0]['run']}: {subject}" if document["attempts"] else subject
    assert {subject.format(run=document["run"]), rehearsal} & subjects


def _in_the_future(document: Any) -> None:
    shift_earlier(document, timedelta(days=-400))


def _long_ago(document: Any) -> None:
    shift_earlier(document, timedelta(days=400))


def _ended_before(document: Any) -> None:
    document["finished"] = "2001-01-01T00:00:00+00:00"


def _slow(document: Any) -> None:
    document["stages"][0]["seconds"] = 90_000


def _other_way_back(command: str) -> Callable[[Any], None]:
    return lambda document: document["rollback"].update(command=command)


def _other_next_step(command: str) -> Callable[[Any], None]:
    return lambda document: document.update(next_command=command)


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (_in_the_future, "finished"),
        (lambda document: document.update(run=document["run"].replace("migrate", "rollback")), "run: mode"),
        (_other_next_step("pytest -m verify; rm -rf /srv"), "next_command"),
        *thorough(
            (_other_way_back("pytest -m rollback --workspace='/srv"), "rollback: command"),
            (_long_ago, "run: time"),
            (_ended_before, "finished"),
            (_slow, "stages: seconds"),
            (_other_way_back("rm -rf /srv/workspace"), "rollback: command"),
            (_other_way_back("pytest -m rollback --workspace=/srv; rm -rf /srv"), "rollback: command"),
            (_other_way_back("pytest -m rollback --rootdir=/elsewhere"), "rollback: command"),
            (_other_next_step("pytest -m rollback --workspace=/srv"), "next_command"),
        ),
    ],
)
def test_record_that_no_run_can_have_left_is_found(
    files: Files, tmp_path: Path, change: Callable[[Any], object], subject: str
) -> None:
    """Its times, its id and its way back have to be those of one run."""
    edit(files, change)

    assert subject in failing_subjects(tmp_path, files)["files-agree"]


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"run": "20010101_000000-migrate"}, "manifest.json: run of the manifest"),
        *thorough(
            ({"schema": 2}, "manifest.json: schema of the manifest"), ({"approved_by": "X"}, "manifest.json: keys")
        ),
    ],
)
def test_manifest_that_is_not_of_the_run_is_found(
    files: Files, tmp_path: Path, change: dict[str, object], subject: str
) -> None:
    """It names the run in two places, and has a schema of its own."""
    manifest = json.loads(files["manifest.json"]) | change
    files["manifest.json"] = json.dumps(manifest).encode()

    assert subject in failing_subjects(tmp_path, files)["files-agree"]


def test_listed_file_that_no_run_writes_is_found(files: Files, tmp_path: Path) -> None:
    """Nothing would state what it is."""
    files["approval.pdf"] = b"%PDF"
    update_digests(files)

    assert failing_subjects(tmp_path, files) == {"bundle-whole": {"approval.pdf"}}


def test_sql_log_without_the_moved_tables_is_found(files: Files, tmp_path: Path) -> None:
    """An empty log contradicts the list of moves."""
    files["sql.log"] = b""
    update_digests(files)

    assert {"sql.log: old.db:tasks", "sql.log: old.db:tags"} <= failing_subjects(tmp_path, files)["files-agree"]


def test_folder_of_another_run_in_the_zip_is_found(made: Path, tmp_path: Path) -> None:
    """The unzipped folder would have that name."""
    with zipfile.ZipFile(made) as archive, zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        for name in archive.namelist():
            other.writestr(name.replace(made.stem, "20010101_000000-migrate"), archive.read(name))

    wrong = [
        observation.subject
        for observation in check_agreement(parse_bundle(read_bundle(tmp_path / "other.zip")))
        if not observation.holds
    ]

    assert wrong == ["folder in the zip"]


def _page_tests(change: Callable[[dict[str, Any]], object]) -> Callable[[Files], None]:
    """Return a forgery of the page's table of tests, drawn anew by the means of a forger."""

    def _draw(files: Files) -> None:
        around, contents = parse_page_file(files["audit.html"].decode()), parse_bundle(Bundle("forged", files))
        assert around is not None
        assert contents.record is not None
        change(around.data["tests"])
        files["audit.html"] = render_page_file(complete_record(contents, contents.record), around).encode()

    return _draw


def _all_skipped(rows: dict[str, Any]) -> None:
    for row in (row for each in rows.values() for row in each):
        row["result"] = "Skipped"
        row["resultsTableRow"][0] = '<td class="col-result">Skipped</td>'


def in_junit(old: str, new: str) -> Callable[[Files], None]:
    """Return a forgery that replaces one text of the test report."""

    def _replace(files: Files) -> None:
        report = files["junit.xml"].decode()
        assert old in report
        files["junit.xml"] = report.replace(old, new, 1).encode()

    return _replace


def _no_xml(files: Files) -> None:
    files["junit.xml"] = b"all tests passed"


_ENTITY = '<!DOCTYPE testsuites [<!ENTITY x "approved">]><testsuites'
_CLEAN = '<!-- <testsuite errors="0" failures="0" skipped="0" tests="50"> --><testsuite '
_DAMAGE = 'name="test_each_criterion_holds[integrity-before]" '


@pytest.mark.parametrize(
    ("forge", "subject"),
    [
        (in_junit("</testsuite>", '<testcase name="x"><failure/></testcase></testsuite>'), "junit.xml: failures"),
        (in_junit(_DAMAGE, 'name="test_all_is_well" '), "junit.xml: tests of the run"),
        (_page_tests(_all_skipped), "audit.html: outcomes of tests"),
        *thorough(
            (_no_xml, "junit.xml"),
            (in_junit("</testsuite>", '<testcase name="x"/></testsuite>'), "junit.xml: counts"),
            (_page_tests(lambda rows: rows.popitem()), "audit.html: tests of the run"),
            (in_junit("<testsuites", _ENTITY), "junit.xml"),
            (in_junit("<testsuite ", _CLEAN), "junit.xml"),
            (in_junit("</testsuites>", "<testsuite/></testsuites>"), "junit.xml"),
            (in_junit("</testsuites>", "approved</testsuites>"), "junit.xml"),
            (in_junit("</testsuites>", "<approved/></testsuites>"), "junit.xml"),
            (in_junit("</testsuite>", '<testcase name="x"/></testsuite>'), "junit.xml: tests of the run"),
            (in_junit('errors="0"', 'errors="1"'), "junit.xml: counts"),
            (in_junit('skipped="0"', 'skipped="9"'), "junit.xml: counts"),
            (in_junit('tests="', 'tests="9'), "junit.xml: counts"),
            (in_junit('hostname="', 'hostname="other-'), "junit.xml: hostname"),
            (in_junit('timestamp="2', 'timestamp="1'), "junit.xml: timestamp"),
            (in_junit('timestamp="2', 'timestamp="x'), "junit.xml: timestamp"),
            (in_junit(_DAMAGE, 'name="test_all_is_well" '), "audit.html: tests as in junit.xml"),
            (in_junit(_DAMAGE, 'name="test_each_criterion_holds[plan-valid]" '), "junit.xml: counts"),
            (in_page(r"test_target_is_read", "test_all_is_well"), "audit.html: tests"),
            (_page_tests(lambda rows: rows.popitem()), "audit.html: tests as in junit.xml"),
            (_page_tests(lambda rows: rows.update({"x": next(iter(rows.values()))})), "audit.html: tests of the run"),
        ),
    ],
)
def test_forged_test_report_is_found(
    files: Files, tmp_path: Path, forge: Callable[[Files], None], subject: str
) -> None:
    """It has another test, outcome, number, host or time, or a foreign element."""
    forge(files)
    update_digests(files)

    assert subject in failing_subjects(tmp_path, files)["files-agree"]
