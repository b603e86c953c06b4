"""Sign bundles, and check who signed them."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.bundle import write_bundle
from sqlite_consolidate.report.file_names import MANIFEST, SIGNATURE, zip_of
from sqlite_consolidate.report.signing.bundle_signature import check_signature
from sqlite_consolidate.report.signing.ssh_signatures import sign, signer_of
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")

Files = dict[str, bytes]


def test_zip_of_a_signed_run_names_its_signer(tmp_path: Path, keys: Path, accepted: Record) -> None:
    """The signature is in the zip, and no part of the manifest."""
    folder = tmp_path / accepted.run

    write_bundle(folder, accepted, plan=b"", key=keys / "ann")

    with zipfile.ZipFile(zip_of(folder)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert SIGNATURE.encode() not in files[MANIFEST]
    assert signer_of(files[MANIFEST], files[SIGNATURE], keys / "ann.signers") == ("ann@shop", "")
    (observation,) = check_signature(files, keys / "ann.signers")
    assert (observation.outcome, observation.observed) == (Outcome.PASSED, "signed by ann@shop")


def _of_another_purpose(files: Files, key: Path) -> Files:
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "git"]
    made = subprocess.run(command, input=files[MANIFEST], capture_output=True, check=True)
    return {**files, SIGNATURE: made.stdout}


@pytest.mark.parametrize(
    ("forge", "signers"),
    [
        (lambda files, _: {MANIFEST: files[MANIFEST]}, "ann"),
        (lambda files, _: {**files, MANIFEST: files[MANIFEST] + b"\n"}, "ann"),
        (lambda files, _: {**files, SIGNATURE: files[SIGNATURE][:-40]}, "ann"),
        (lambda files, _: {**files, SIGNATURE: b""}, "ann"),
        (lambda files, _: {**files, SIGNATURE: b"\0" * 1000}, "ann"),
        (lambda files, key: {**files, SIGNATURE: sign(b"another manifest", key)}, "ann"),
        (_of_another_purpose, "ann"),
        (lambda files, _: files, "bob"),
        (lambda files, _: files, "missing"),
    ],
    ids=[
        "no signature",
        "edited",
        "cut",
        "empty",
        "zeros",
        "of another manifest",
        "of another purpose",
        "of another signer",
        "no file of signers",
    ],
)
def test_forged_signature_is_noticed(keys: Path, forge: Callable[[Files, Path], Files], signers: str) -> None:
    """A forger does not have the key."""
    key = keys / "ann"
    files = {MANIFEST: b"{}", SIGNATURE: sign(b"{}", key)}

    (observation,) = check_signature(forge(files, key), keys / f"{signers}.signers")

    assert observation.outcome is Outcome.FAILED


def test_signature_is_checked_only_on_demand(keys: Path) -> None:
    """Without a file of signers it is unknown whose signature counts."""
    files = {MANIFEST: b"{}", SIGNATURE: sign(b"{}", keys / "ann")}

    assert [entry.outcome for entry in check_signature(files, None)] == [Outcome.NOT_REQUIRED]


@pytest.mark.parametrize("name", [*thorough("missing", "ann.signers"), "locked"])
def test_key_that_cannot_sign_is_refused(tmp_path: Path, keys: Path, name: str) -> None:
    """ssh-keygen has no terminal on which it could ask for a passphrase."""
    locked = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "locked")]
    subprocess.run(locked, check=True)

    with pytest.raises(ProblemError) as raised:
        sign(b"", (tmp_path if name == "locked" else keys) / name)

    assert raised.value.ids == ("cannot-sign",)


def test_missing_program_is_said(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing is refused, and a signature that nothing can check is not examined."""
    files = {MANIFEST: b"{}", SIGNATURE: sign(b"{}", keys / "ann")}
    monkeypatch.setenv("PATH", str(tmp_path))

    (observation,) = check_signature(files, keys / "ann.signers")
    with pytest.raises(ProblemError) as raised:
        sign(b"", keys / "ann")

    assert observation.outcome is Outcome.NOT_EXAMINED
    assert raised.value.ids == ("cannot-sign",)
