"""Demand that another person than the runner signed the plan."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.file_names import APPROVAL, MANIFEST, PLAN, SIGNATURE
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.signing.bundle_signature import check_approval
from sqlite_consolidate.report.signing.plan_approval import DEMANDED, RUNNER_UNKNOWN, read_approval, signature_file
from sqlite_consolidate.report.signing.ssh_signatures import make_key, sign
from sqlite_consolidate.report.statements.checklist import checklist
from sqlite_consolidate.report.summary import summary
from tests.support.reports import records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")

_PLAN = b'name = "shop"\n'

Files = dict[str, bytes]


def _settings(folder: Path, signers: Path | None, key: Path | None) -> Settings:
    settings = Settings(workspace=folder, plan=folder / "consolidation.toml", reports=folder)
    return replace(settings, allowed_signers=signers, sign=key)


def _approved(record: Record, observed: str, outcome: Outcome = Outcome.PASSED) -> Record:
    """Return the record of a run whose plan was to be signed."""
    entry = replace(records.passed("approved", "consolidation.toml"), expected=DEMANDED, observed=observed)
    others = tuple(entry for entry in record.criteria if entry.criterion != "approved")
    return replace(record, criteria=(*others, replace(entry, outcome=outcome)))


@pytest.mark.parametrize(("key", "rest"), [("bob", ""), ("", RUNNER_UNKNOWN)])
def test_signature_of_an_allowed_signer_approves(tmp_path: Path, keys: Path, key: str, rest: str) -> None:
    """Without a key of the run, it is said that its runner is unknown."""
    settings = _settings(tmp_path, keys / "both.signers", keys / key if key else None)
    signature_file(settings.plan).write_bytes(sign(_PLAN, keys / "ann"))

    approval = read_approval(settings, _PLAN)

    assert approval is not None
    assert approval.observation.outcome is Outcome.PASSED
    assert approval.observation.observed == f"signed by ann@shop{rest}"
    assert approval.signature == sign(_PLAN, keys / "ann")  # ed25519 signs the same bytes alike


def _of_another_purpose(keys: Path) -> bytes:
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(keys / "ann"), "-n", "git"]
    return subprocess.run(command, input=_PLAN, capture_output=True, check=True).stdout


def _by_an_unknown_key(keys: Path) -> bytes:
    key = keys / "unknown"
    if not key.exists():
        make_key(key)
    return sign(_PLAN, key)


@pytest.mark.parametrize(
    ("signature", "signers"),
    [
        (lambda _: None, "both"),
        (lambda _: b"", "both"),
        (lambda _: b"\0" * 1000, "both"),
        (lambda keys: sign(_PLAN, keys / "ann")[:-40], "both"),
        (lambda keys: sign(_PLAN + b"# a comment\n", keys / "ann"), "both"),
        (lambda keys: sign(b"", keys / "ann"), "both"),
        (_of_another_purpose, "both"),
        (_by_an_unknown_key, "both"),
        (lambda keys: sign(_PLAN, keys / "bob"), "ann"),
        (lambda keys: sign(_PLAN, keys / "bob"), "both"),
        (lambda keys: sign(_PLAN, keys / "ann"), "missing"),
        (lambda keys: (keys / "ann.pub").read_bytes(), "both"),
    ],
    ids=[
        "no signature",
        "empty",
        "zeros",
        "cut",
        "of an edited plan",
        "of nothing",
        "of another purpose",
        "of an unknown key",
        "of a signer who is not allowed",
        "of the runner",
        "no file of signers",
        "a public key",
    ],
)
def test_forged_approval_is_noticed(
    tmp_path: Path, keys: Path, signature: Callable[[Path], bytes | None], signers: str
) -> None:
    """Bob runs, and has neither the key of Ann nor one of another signer."""
    settings = _settings(tmp_path, keys / f"{signers}.signers", keys / "bob")
    data = signature(keys)
    if data is not None:
        signature_file(settings.plan).write_bytes(data)

    approval = read_approval(settings, _PLAN)

    assert approval is not None
    assert approval.observation.outcome is Outcome.FAILED
    assert approval.observation.todo
    assert str(tmp_path.parent) not in approval.observation.observed
    assert not approval.signature


def test_second_key_of_the_runner_does_not_approve(tmp_path: Path, keys: Path) -> None:
    """A name of the file is one person, whatever keys it has."""
    make_key(tmp_path / "second")
    signers = tmp_path / "signers"
    further = f"bob@shop {(tmp_path / 'second.pub').read_text()}"
    signers.write_text((keys / "both.signers").read_text() + further)
    settings = _settings(tmp_path, signers, keys / "bob")
    signature_file(settings.plan).write_bytes(sign(_PLAN, tmp_path / "second"))

    approval = read_approval(settings, _PLAN)

    assert approval is not None
    assert approval.observation.outcome is Outcome.FAILED


def test_approval_is_demanded_only_with_signers(tmp_path: Path, keys: Path) -> None:
    """Without the file it is unknown whose signature counts."""
    assert read_approval(_settings(tmp_path, None, keys / "bob"), _PLAN) is None


def test_approval_is_not_examined_without_ssh_keygen(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is refused, and the reason is said."""
    settings = _settings(tmp_path, keys / "both.signers", None)
    signature_file(settings.plan).write_bytes(sign(_PLAN, keys / "ann"))
    monkeypatch.setenv("PATH", str(tmp_path))

    approval = read_approval(settings, _PLAN)

    assert approval is not None
    assert approval.observation.outcome is Outcome.NOT_EXAMINED


@pytest.mark.parametrize(
    ("outcome", "verified"), [(Outcome.PASSED, True), (Outcome.FAILED, False), (Outcome.NOT_EXAMINED, False)]
)
def test_report_says_who_approved(accepted: Record, outcome: Outcome, verified: bool) -> None:
    """Only the criterion makes an approval verified."""
    record = _approved(accepted, "signed by ann@shop", outcome)

    page, text = render_page(record), summary(record, "")
    steps = {step.outcome for phase in checklist(record) for step in phase.steps if "pproved" in step.question}

    assert ("(verified: signed by ann@shop)" in page) is verified
    assert ("(verified: signed by ann@shop)" in text) is verified
    assert steps == {outcome}


def _bundle(keys: Path) -> Files:
    files = {PLAN: _PLAN, MANIFEST: b"{}"}
    return {**files, APPROVAL: sign(_PLAN, keys / "ann"), SIGNATURE: sign(b"{}", keys / "bob")}


def test_approval_in_a_bundle_is_checked(keys: Path, accepted: Record) -> None:
    """It needs neither the workspace nor the runner."""
    record = _approved(accepted, f"signed by ann@shop{RUNNER_UNKNOWN}")

    (observation,) = check_approval(_bundle(keys), keys / "both.signers", record)

    assert (observation.outcome, observation.observed) == (Outcome.PASSED, "signed by ann@shop")


@pytest.mark.parametrize(
    "forge",
    [
        lambda files, _: {name: data for name, data in files.items() if name != APPROVAL},
        lambda files, _: {**files, PLAN: _PLAN + b"\n"},
        lambda files, keys: {**files, APPROVAL: sign(_PLAN, keys / "bob")},
        lambda files, keys: {**files, SIGNATURE: sign(b"{}", keys / "ann")},
        lambda files, _: {**files, APPROVAL: files[SIGNATURE]},
    ],
    ids=["removed", "edited plan", "of another signer", "signer is the runner", "signature of the manifest"],
)
def test_forged_approval_in_a_bundle_is_noticed(
    keys: Path, accepted: Record, forge: Callable[[Files, Path], Files]
) -> None:
    """The evidence states an approval by Ann."""
    record = _approved(accepted, "signed by ann@shop")

    (observation,) = check_approval(forge(_bundle(keys), keys), keys / "both.signers", record)

    assert observation.outcome is Outcome.FAILED


def test_signature_without_an_approval_is_noticed(keys: Path, accepted: Record) -> None:
    """The evidence says that none was demanded."""
    (observation,) = check_approval(_bundle(keys), keys / "both.signers", accepted)

    assert observation.outcome is Outcome.FAILED


def test_approval_of_a_masked_plan_is_not_checked(keys: Path, accepted: Record) -> None:
    """The bundle has other bytes than those that were signed."""
    record = _approved(replace(accepted, plan={**accepted.plan, "shown_sha256": "00"}), "signed by ann@shop")

    (observation,) = check_approval(_bundle(keys), keys / "both.signers", record)

    assert observation.outcome is Outcome.NOT_REQUIRED
