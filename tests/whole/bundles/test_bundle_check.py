"""Check a bundle offline with ``pytest -m verify``, and find every tampering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.report.bundle_check import verdict as verdict_check
from sqlite_consolidate.report.bundle_check.checks import BUNDLE_CHECKS
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.reader import Bundle
from tests.support.reports.tampering import edited, update_digests, with_a_failure_hidden, with_other_count
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.reports.forgery import Files


def failing(files: Files) -> set[str]:
    """Ids of the criteria that do not hold for a bundle of these files."""
    contents = parse_bundle(Bundle("some.zip", files))
    return {id for id, check in BUNDLE_CHECKS.items() for observation in check(contents) if not observation.holds}


def test_unchanged_bundle_passes(files: Files) -> None:
    """With new digests but no change it passes as well."""
    assert failing(files) == set()

    edited(files, lambda _document: None)

    assert failing(files) == set()


def test_files_that_are_missing_changed_or_added_are_found(files: Files) -> None:
    """Each is named by the criterion of digests. Page and entries show code and SQL as well."""
    for name in ("sql.log", "code.diff"):
        without = {file: data for file, data in files.items() if file != name}
        assert failing(without) == {"bundle-whole", "files-agree", "evidence-consistent"}
        assert "bundle-whole" in failing({**files, name: files[name] + b" "})
    assert failing({**files, "note.txt": b"all good"}) == {"bundle-whole"}


def test_file_missing_in_the_manifest_too_is_found(files: Files) -> None:
    """Every run writes the log that was removed together with its line of the manifest."""
    del files["sql.log"]

    update_digests(files)

    assert "bundle-whole" in failing(files)


def _moved_count(document: Any) -> None:
    document["moves"][0]["rows"] = document["moves"][0]["arrived"] = 2


def _source_count(document: Any) -> None:
    document["sources"][0]["before"]["rows"]["tasks"] = 2


def _table_lost(document: Any) -> None:
    del document["target"]["after"]["rows"]["people"]


def _move_lost(document: Any) -> None:
    del document["moves"][0]


@pytest.mark.parametrize("change", [with_other_count, _move_lost, *thorough(_moved_count, _source_count, _table_lost)])
def test_counts_that_do_not_add_up_are_found(files: Files, change: Callable[[Any], None]) -> None:
    """Also when every digest was computed anew."""
    edited(files, change)

    assert "counts-add-up" in failing(files)


def _stage_failed(document: Any) -> None:
    document["stages"][4]["outcome"] = "failed"


def _stage_removed(document: Any) -> None:
    del document["stages"][4]


def _removed(document: Any) -> None:
    document["criteria"] = [entry for entry in document["criteria"] if entry["id"] != "foreign-keys"]


def _smoke_removed(document: Any) -> None:
    document["criteria"] = [entry for entry in document["criteria"] if not entry["id"].startswith("smoke:")]


def _excused(document: Any) -> None:
    _removed(document)
    document["not_shown"].append("foreign-keys")
    document["criteria"].append(
        {"id": "foreign-keys", "subject": "", "verdict": "not shown", "expected": "", "observed": ""}
    )


def _exit_code(document: Any) -> None:
    document["exit_code"] = 1


def _refused(document: Any) -> None:
    document["verdict"] = "refused"


@pytest.mark.parametrize(
    "change",
    [
        with_a_failure_hidden,
        _stage_removed,
        _removed,
        *thorough(_stage_failed, _smoke_removed, _excused, _exit_code, _refused),
    ],
)
def test_verdict_that_does_not_follow_is_found(files: Files, change: Callable[[Any], None]) -> None:
    """A criterion failed or is missing, the verdict is changed, or a stage is missing."""
    edited(files, change)

    assert "verdict-follows" in failing(files)


def test_answerable_criterion_cannot_be_excused(files: Files) -> None:
    """Only a check by originals leaves criteria unanswered."""
    edited(files, _excused)
    edited(files, lambda document: document["unanswerable"].update({"foreign-keys": "later"}))

    assert "verdict-follows" in failing(files)


@pytest.mark.thorough
def test_files_that_tell_otherwise_than_the_evidence_are_found(files: Files) -> None:
    """A page, a summary, a plan, a test file or a manifest of another run, sealed anew."""
    swaps = {
        "audit.html": (b">Accepted<", b">Interrupted<"),
        "summary.txt": (b"0 failed", b"7 failed"),
        "plan.toml": (b'"small"', b'"large"'),
        "junit.xml": (b'failures="0"', b'failures="1"'),
    }
    for name, (old, new) in swaps.items():
        changed = {**files, name: files[name].replace(old, new)}
        assert changed[name] != files[name], name

        update_digests(changed)

        others = {"evidence-consistent"} if name == "plan.toml" else set()
        assert failing(changed) == {"files-agree"} | others, name
    headline = {
        **files,
        "manifest.json": files["manifest.json"].replace(b"every required criterion passed", b"all of it"),
    }
    assert failing(headline) == {"files-agree"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema": 2', b'"schema": 3'),
        (b'"verdict": "accepted"', b'"verdict": "fine"'),
        (b'"already": false', b'"already": false, "already": true'),
        (b'"exit_code": 0', b'"exit_code": NaN'),
        (b'"findings"', b'"remarks"'),
        (b"{", b"["),
    ],
)
def test_evidence_of_another_schema_is_not_judged_further(files: Files, old: bytes, new: bytes) -> None:
    """No criterion that depends on it passes."""
    files["evidence.json"] = files["evidence.json"].replace(old, new, 1)

    update_digests(files)

    assert failing(files) == BUNDLE_CHECKS.keys() - {"bundle-whole"}


def test_bundle_of_another_release_has_its_own_criteria(files: Files) -> None:
    """Its entries must still agree, and an observation states whose criteria are taken."""
    edited(files, _removed)
    edited(files, lambda document: document["versions"].update({"sqlite-consolidate": "0.0.9"}))

    contents = parse_bundle(Bundle("old.zip", files))

    assert all(observation.holds for observation in verdict_check.check_verdict(contents))
    assert "made by release 0.0.9" in verdict_check.check_verdict(contents)[-1].observed
    edited(files, with_other_count)
    assert "counts-add-up" in failing(files)


@pytest.mark.thorough
def test_manifest_of_any_shape_fails_a_criterion(files: Files) -> None:
    """No shape of it raises an exception."""
    for text in (
        b"",
        b"[]",
        b'{"files": 7}',
        b'{"files": {"a": 7}, "about": []}',
        b'{"files": {"a": {}}}',
        b"[" * 9999,
    ):
        assert "files-agree" in failing({**files, "manifest.json": text}), text


def test_sql_log_has_the_whole_transaction(files: Files) -> None:
    """A reader sees each statement that wrote, and none of its values."""
    statements = files["sql.log"].decode().splitlines()

    assert statements[:2] == ["PRAGMA foreign_keys=OFF;", "BEGIN EXCLUSIVE;"]
    assert statements[-2].startswith("INSERT INTO _consolidation_history(run, ")
    assert "VALUES(?, ?" in statements[-2]
    assert statements[-1] == "COMMIT;"
