"""Check who signed a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.observation import equal, not_examined, not_required
from sqlite_consolidate.report.file_names import MANIFEST, SIGNATURE
from sqlite_consolidate.report.signing.ssh_signatures import signer_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.observation import Observation

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
    signed_by = f"signed by {signer}"
    return [equal(MANIFEST, signed_by if signer else _SIGNED, signed_by if signer else refusal)]
