"""Check who signed a bundle, and who approved its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.observation import equal, not_examined, not_required
from sqlite_consolidate.report.file_names import APPROVAL, MANIFEST, PLAN, SIGNATURE
from sqlite_consolidate.report.signing.plan_approval import SIGNED_BY, approval_in
from sqlite_consolidate.report.signing.ssh_signatures import signer_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.evidence import Record

_SIGNED = "the signature of an allowed signer"


def check_signature(files: dict[str, bytes], allowed_signers: Path | None) -> list[Observation]:
    """Observe that an allowed signer signed the manifest, and so all files of a bundle.

    Args:
        files: The files of the bundle by name.
        allowed_signers: File of allowed signers, or None if the operator demands no signature.
    """
    signature = files.get(SIGNATURE)
    if allowed_signers is None:
        state = "is there, but no --allowed-signers names who may sign" if signature else "was not demanded"
        return [not_required(MANIFEST, f"a signature {state}")]
    if signature is None:
        return [equal(MANIFEST, _SIGNED, "not signed", "Get a bundle that an allowed signer has signed.")]
    try:
        signer, refusal = signer_of(files[MANIFEST], signature, allowed_signers)
    except FileNotFoundError:
        return [not_examined(MANIFEST, "there is no ssh-keygen", "Install OpenSSH, and check the bundle again.")]
    signed_by = f"{SIGNED_BY}{signer}"
    return [equal(MANIFEST, signed_by if signer else _SIGNED, signed_by if signer else refusal)]


def check_approval(files: dict[str, bytes], allowed_signers: Path | None, record: Record | None) -> list[Observation]:
    """Observe that the approval in the evidence has its signature, and is not by the runner.

    Args:
        files: The files of the bundle by name.
        allowed_signers: File of allowed signers, or None if the operator demands no signature.
        record: The record in the evidence, or None if it cannot be read.
    """
    stated = approval_in(record).partition(";")[0] if record else ""
    signature = files.get(APPROVAL)
    if not stated or signature is None:
        texts = ("there", "missing") if stated else ("missing, because the evidence has no approval", "there")
        return [equal(APPROVAL, *texts)] if stated or signature else []
    if allowed_signers is None:
        return [not_required(APPROVAL, "a signature is there, but no --allowed-signers names who may sign")]
    if record and "shown_sha256" in record.plan:
        return [not_required(APPROVAL, f"secrets in {PLAN} are masked, so its signature cannot be checked here")]
    try:
        signer, refusal = signer_of(files.get(PLAN, b""), signature, allowed_signers)
        runner = signer_of(files[MANIFEST], files.get(SIGNATURE, b""), allowed_signers)[0]
    except FileNotFoundError:
        return [not_examined(APPROVAL, "there is no ssh-keygen", "Install OpenSSH, and check the bundle again.")]
    if signer and signer == runner:
        return [equal(APPROVAL, f"{SIGNED_BY}another person than {MANIFEST}", f"both {SIGNED_BY}{signer}")]
    return [equal(APPROVAL, stated, f"{SIGNED_BY}{signer}" if signer else refusal)]
