"""``pytest -m verify --bundle FILE.zip``: years later, offline, without a workspace, every tampering is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.report.bundle_check import entries as entries_check
from sqlite_consolidate.report.bundle_check import files as bundle_check
from sqlite_consolidate.report.bundle_check import verdict as verdict_check
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.pytest_files import page as page_check
from sqlite_consolidate.report.bundle_check.reader import Bundle
from tests.support.reports.tampering import edited, update_digests, with_a_failure_hidden, with_other_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from tests.support.reports.forgery import Files


def files_agree(told: BundleContents) -> list[Observation]:
    """Observe that all files of a bundle say what its evidence says, as the run that checks it does."""
    return [*bundle_check.check_agreement(told), *page_check.check_page(told)]


CHECKS = {
    "bundle-whole": bundle_check.check_files,
    "evidence-valid": bundle_check.check_schema,
    "verdict-follows": verdict_check.check_verdict,
    "evidence-consistent": entries_check.check_entries,
    "counts-add-up": verdict_check.check_row_counts,
    "files-agree": files_agree,
}


def failing(files: Files) -> set[str]:
    """Ids of the criteria that do not hold for a bundle of these files."""
    told = parse_bundle(Bundle("some.zip", files))
    return {id for id, check in CHECKS.items() for seen in check(told) if not seen.holds}


def test_a_bundle_as_it_was_left_holds(files: Files) -> None:
    """Nothing is found in it; sealed anew without a change it still holds."""
    assert failing(files) == set()

    edited(files, lambda _document: None)

    assert failing(files) == set()


def test_files_that_are_missing_changed_or_added_are_found(files: Files) -> None:
    """Each is named by the criterion that looks at digests; page and entries tell of code and SQL as well."""
    for name in ("sql.log", "code.diff"):
        without = {file: data for file, data in files.items() if file != name}
        assert failing(without) == {"bundle-whole", "files-agree", "evidence-consistent"}
        assert "bundle-whole" in failing({**files, name: files[name] + b" "})
    assert failing({**files, "note.txt": b"all good"}) == {"bundle-whole"}


def test_a_file_that_is_missing_in_the_manifest_too_is_found(files: Files) -> None:
    """A log that was taken out with its line of the manifest is one of those that every run leaves."""
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


@pytest.mark.parametrize("change", [with_other_count, _moved_count, _source_count, _table_lost, _move_lost])
def test_counts_that_do_not_add_up_are_found(files: Files, change: Callable[[Any], None]) -> None:
    """Also when every digest was computed anew."""
    edited(files, change)

    assert "counts-add-up" in failing(files)


def _stage_failed(document: Any) -> None:
    document["stages"][4]["outcome"] = "failed"


def _stage_removed(document: Any) -> None:
    del document["stages"][4]


def _removed(document: Any) -> None:
    document["criteria"] = [one for one in document["criteria"] if one["id"] != "foreign-keys"]


def _smoke_removed(document: Any) -> None:
    document["criteria"] = [one for one in document["criteria"] if not one["id"].startswith("smoke:")]


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
    [with_a_failure_hidden, _stage_failed, _stage_removed, _removed, _smoke_removed, _excused, _exit_code, _refused],
)
def test_a_verdict_that_does_not_follow_is_found(files: Files, change: Callable[[Any], None]) -> None:
    """A failed or missing criterion under an acceptance, a flipped verdict, a stage that is gone."""
    edited(files, change)

    assert "verdict-follows" in failing(files)


def test_a_criterion_cannot_be_excused_by_a_run_that_can_answer_it(files: Files) -> None:
    """Only judging by originals leaves criteria unanswered."""
    edited(files, _excused)
    edited(files, lambda document: document["unanswerable"].update({"foreign-keys": "later"}))

    assert "verdict-follows" in failing(files)


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
    headline = {**files, "manifest.json": files["manifest.json"].replace(b"every criterion passed", b"all of it")}
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
def test_evidence_that_is_not_of_the_schema_is_found_and_judged_no_further(
    files: Files, old: bytes, new: bytes
) -> None:
    """Nothing that rests on it is shown then."""
    files["evidence.json"] = files["evidence.json"].replace(old, new, 1)

    update_digests(files)

    assert failing(files) == CHECKS.keys() - {"bundle-whole"}


def test_a_bundle_of_another_release_is_not_blamed_for_criteria_it_did_not_know(files: Files) -> None:
    """What is there must still add up; that its criteria are taken as it names them is said."""
    edited(files, _removed)
    edited(files, lambda document: document["versions"].update({"sqlite-consolidate": "0.0.9"}))

    told = parse_bundle(Bundle("old.zip", files))

    assert all(one.holds for one in verdict_check.check_verdict(told))
    assert "made by release 0.0.9" in verdict_check.check_verdict(told)[-1].observed
    edited(files, with_other_count)
    assert "counts-add-up" in failing(files)


def test_a_manifest_of_any_shape_is_a_finding_and_no_crash(files: Files) -> None:
    """Whatever stands there."""
    for text in (
        b"",
        b"[]",
        b'{"files": 7}',
        b'{"files": {"a": 7}, "about": []}',
        b'{"files": {"a": {}}}',
        b"[" * 9999,
    ):
        assert "files-agree" in failing({**files, "manifest.json": text}), text
