"""``pytest -m verify --bundle FILE.zip``: years later, offline, without a workspace, every tampering is found."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.bundle_check import entries as entries_check
from sqlite_consolidate.report.bundle_check import files as bundle_check
from sqlite_consolidate.report.bundle_check import verdict as verdict_check
from sqlite_consolidate.report.bundle_check.drawn import page as page_check
from sqlite_consolidate.report.bundle_check.parse import tell
from sqlite_consolidate.report.bundle_check.reader import Bundle, read_bundle
from tests.support.whole_run import Workspace, small_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.bundle_check.parse import BundleContents


def files_agree(told: BundleContents) -> list[Observation]:
    """Observe that all files of a bundle say what its evidence says, as the run that checks it does."""
    return [*bundle_check.agreeing(told), *page_check.faithful(told)]


CHECKS = {
    "bundle-whole": bundle_check.whole,
    "evidence-valid": bundle_check.valid,
    "verdict-follows": verdict_check.following,
    "evidence-consistent": entries_check.consistent,
    "counts-add-up": verdict_check.adding_up,
    "files-agree": files_agree,
}
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``.zip`` of an accepted migration."""
    workspace = small_workspace(tmp_path_factory.mktemp("made"))
    ran = workspace.forked("migrate")
    assert ran.exit == 0, ran.text
    assert ran.folder is not None
    return ran.folder.with_suffix(".zip")


@pytest.fixture
def files(made: Path) -> Files:
    """Its files, to be tampered with."""
    return dict(read_bundle(made).files)


def failing(files: Files) -> set[str]:
    """Ids of the criteria that do not hold for a bundle of these files."""
    told = tell(Bundle("some.zip", files))
    return {id for id, check in CHECKS.items() for seen in check(told) if not seen.holds}


def sealed_anew(files: Files) -> None:
    """Do what a forger does: bring summary and manifest in line with the evidence, as far as digests go."""
    old = json.loads(files["manifest.json"])["files"]["evidence.json"]["sha256"].encode()
    new = hashlib.sha256(files["evidence.json"]).hexdigest().encode()
    files["summary.txt"] = files["summary.txt"].replace(old, new)
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in files.items()
        if name != "manifest.json"
    }
    files["manifest.json"] = json.dumps(manifest).encode()


def edited(files: Files, change: Callable[[Any], object]) -> None:
    """Change the evidence, and seal the bundle anew."""
    document = json.loads(files["evidence.json"])
    change(document)
    files["evidence.json"] = json.dumps(document).encode()
    sealed_anew(files)


def zipped(path: Path, files: Files) -> Path:
    """Pack the files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


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

    sealed_anew(files)

    assert "bundle-whole" in failing(files)


def _row_count(document: Any) -> None:
    document["target"]["after"]["rows"]["tasks"] -= 1


def _moved_count(document: Any) -> None:
    document["moves"][0]["rows"] = document["moves"][0]["arrived"] = 2


def _source_count(document: Any) -> None:
    document["sources"][0]["before"]["rows"]["tasks"] = 2


def _table_lost(document: Any) -> None:
    del document["target"]["after"]["rows"]["people"]


def _move_lost(document: Any) -> None:
    del document["moves"][0]


@pytest.mark.parametrize("change", [_row_count, _moved_count, _source_count, _table_lost, _move_lost])
def test_counts_that_do_not_add_up_are_found(files: Files, change: Callable[[Any], None]) -> None:
    """Also when every digest was computed anew."""
    edited(files, change)

    assert "counts-add-up" in failing(files)


def _failed_hidden(document: Any) -> None:
    document["criteria"][3]["outcome"] = "failed"


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
    [_failed_hidden, _stage_failed, _stage_removed, _removed, _smoke_removed, _excused, _exit_code, _refused],
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

        sealed_anew(changed)

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

    sealed_anew(files)

    assert failing(files) == CHECKS.keys() - {"bundle-whole"}


def test_a_bundle_of_another_release_is_not_blamed_for_criteria_it_did_not_know(files: Files) -> None:
    """What is there must still add up; that its criteria are taken as it names them is said."""
    edited(files, _removed)
    edited(files, lambda document: document["versions"].update({"sqlite-consolidate": "0.0.9"}))

    told = tell(Bundle("old.zip", files))

    assert all(one.holds for one in verdict_check.following(told))
    assert "made by release 0.0.9" in verdict_check.following(told)[-1].observed
    edited(files, _row_count)
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


def _traversal(files: Files, path: Path) -> None:
    zipped(path, {**files, "../../outside.txt": b"x"})


def _backslash(files: Files, path: Path) -> None:
    zipped(path, {**files, "..\\outside.txt": b"x"})


def _absolute(files: Files, path: Path) -> None:
    zipped(path, {**files, "/tmp/outside.txt": b"x"})


def _twice(files: Files, path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in [*files.items(), ("sql.lox", b"other")]:
            archive.writestr(name, data)
    path.write_bytes(packed.getvalue().replace(b"sql.lox", b"sql.log"))


def _link(files: Files, path: Path) -> None:
    zipped(path, files)
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo("latest")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")


def _bomb(files: Files, path: Path) -> None:
    zipped(path, {**files, "zeros": bytes(65 * 1024 * 1024)})


def _lying_bomb(files: Files, path: Path) -> None:
    _bomb(files, path)
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 65 * 1024 * 1024), struct.pack("<L", 10)))


def _many(files: Files, path: Path) -> None:
    zipped(path, {**files, **{str(number): b"" for number in range(200)}})


def _encrypted(files: Files, path: Path) -> None:
    data = bytearray(zipped(path, files).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    path.write_bytes(data)


def _cut(files: Files, path: Path) -> None:
    data = zipped(path, files).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _half(files: Files, path: Path) -> None:
    data = zipped(path, files).read_bytes()
    path.write_bytes(data[len(data) // 2 :])


def _before(files: Files, path: Path) -> None:
    path.write_bytes(b"#!/bin/sh\nexit\n" + zipped(path, files).read_bytes())


def _behind(files: Files, path: Path) -> None:
    path.write_bytes(zipped(path, files).read_bytes() + b"approved")


def _commented(files: Files, path: Path) -> None:
    with zipfile.ZipFile(zipped(path, files), "a") as archive:
        archive.comment = b"Approved by the board"


def _folder_with_bytes(files: Files, path: Path) -> None:
    with zipfile.ZipFile(zipped(path, files), "a") as archive:
        archive.writestr("folder/", b"approved")


def _bit(files: Files, path: Path) -> None:
    data = bytearray(zipped(path, files).read_bytes())
    data[200] ^= 1
    path.write_bytes(data)


def _no_zip(_files: Files, path: Path) -> None:
    path.write_bytes(b"%PDF-1.7")


def _empty(_files: Files, path: Path) -> None:
    path.write_bytes(b"")


def _other(_files: Files, path: Path) -> None:
    zipped(path, {"readme.txt": b"hello"})


def _folder_with_link(files: Files, path: Path) -> None:
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    (path / "passwords").symlink_to("/etc/passwd")


def _folder_with_fifo(files: Files, path: Path) -> None:
    path.mkdir()
    (path / "manifest.json").write_bytes(files["manifest.json"])
    os.mkfifo(path / "sql.log")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_traversal, "leads out of it"),
        (_backslash, "leads out of it"),
        (_absolute, "leads out of it"),
        (_twice, "twice"),
        (_link, "a link"),
        (_bomb, "64 MiB"),
        (_lying_bomb, "damaged"),
        (_many, "100 files"),
        (_encrypted, "encrypted"),
        (_cut, "no zip"),
        (_bit, "damaged"),
        (_half, "damaged"),
        (_before, "none of its files"),
        (_behind, "none of its files"),
        (_commented, "none of its files"),
        (_folder_with_bytes, "bytes of its own"),
        (_no_zip, "no zip"),
        (_empty, "no zip"),
        (_other, "no manifest.json"),
        (_folder_with_link, "no plain file"),
        (_folder_with_fifo, "no plain file"),
    ],
)
def test_what_is_no_bundle_or_cannot_be_read_safely_is_refused(
    files: Files, tmp_path: Path, make: Callable[[Files, Path], None], why: str
) -> None:
    """Said in a sentence; nothing is extracted, nothing waits."""
    path = tmp_path / "some.zip"
    make(files, path)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ProblemError, match=why):
        read_bundle(path)

    assert sorted(tmp_path.iterdir()) == before


def test_the_command_accepts_the_zip_and_the_folder_and_needs_no_workspace(made: Path, tmp_path: Path) -> None:
    """Exit 0, a report of its own, and not a byte anywhere else; the sample is not built for it."""
    with zipfile.ZipFile(made) as archive:
        archive.extractall(tmp_path / "unzipped")
    nowhere = Workspace(tmp_path / "nowhere", tmp_path / "reports")
    [folder] = (tmp_path / "unzipped").iterdir()
    packed = made.read_bytes()

    for given in (made, folder, tmp_path / "unzipped"):
        ran = nowhere.forked("verify", f"--bundle={given}")

        assert ran.exit == 0, ran.text
        assert f"The bundle is whole and agrees with itself. It tells of run {made.stem}: Accepted" in ran.text
        assert ran.outcomes == {"96-bundle": "passed"}
    assert not nowhere.root.exists()
    assert made.read_bytes() == packed


def test_the_command_refuses_what_is_no_bundle_and_fails_what_was_tampered_with(files: Files, tmp_path: Path) -> None:
    """Exit 1 with every contradiction named, exit 4 with a sentence; never a traceback."""
    nowhere = Workspace(tmp_path / "nowhere", tmp_path / "reports")
    edited(files, _row_count)
    edited(files, _failed_hidden)

    tampered = nowhere.forked("verify", f"--bundle={zipped(tmp_path / 'tampered.zip', files)}")
    missing = nowhere.forked("verify", f"--bundle={tmp_path / 'missing.zip'}")
    misused = nowhere.forked("migrate", f"--bundle={tmp_path / 'tampered.zip'}")

    assert tampered.exit == 1, tampered.text
    assert {"counts-add-up", "verdict-follows"} <= tampered.failed
    assert "target: tasks: rows after: 2 (expected: 3)" in tampered.text
    assert "do not rely on it" in tampered.text
    assert (missing.exit, misused.exit) == (4, 4), missing.text + misused.text
    assert "there is no " in missing.text
    assert "--bundle: goes with pytest -m verify" in misused.text
    assert not any(ran.shows_source for ran in (tampered, missing, misused)), tampered.text
