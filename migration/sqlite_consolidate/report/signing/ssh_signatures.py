"""Sign data with an SSH key, and check such signatures by ``ssh-keygen -Y``.

The format and the file of allowed signers are those of ssh-keygen(1). A key may be a private key without a passphrase,
or a public key whose private key an agent holds.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "sqlite-consolidate"
"""Namespace of the signatures. One that was made for another purpose is refused by ssh-keygen."""

_DEADLINE = 30  # seconds; an agent may ask its user


def sign(data: bytes, key: Path) -> bytes:
    """Return a detached signature of the data.

    Raises:
        ProblemError: The key cannot sign, or there is no ``ssh-keygen`` (``cannot-sign``).
    """
    try:
        ran = _run("sign", "-f", str(key), "-n", NAMESPACE, data=data)
    except FileNotFoundError:
        hint = "Install OpenSSH, or leave out --sign."
        raise ProblemError(Problem("cannot-sign", "--sign", "there is no ssh-keygen, which signs.", hint)) from None
    if ran.returncode:
        fact = f"this key cannot sign: {_first_line(ran.stderr)}."
        hint = "Name a private key without a passphrase, or a public key whose private key the SSH agent holds."
        raise ProblemError(Problem("cannot-sign", "--sign", fact, hint))
    return ran.stdout


def signer_of(data: bytes, signature: bytes, allowed_signers: Path) -> tuple[str, str]:
    """Return who signed the data, and why the signature is not accepted.

    One of both texts is empty.

    Args:
        data: The data that was signed.
        signature: The detached signature.
        allowed_signers: File of the principals and keys that are accepted.

    Raises:
        FileNotFoundError: There is no ``ssh-keygen``.
    """
    if not allowed_signers.is_file():
        return "", "the file of allowed signers does not exist"
    with scratch_folder("signature") as folder:
        file = folder / "signature"
        file.write_bytes(signature)
        common = ("-f", str(allowed_signers), "-s", str(file))
        named = _run("find-principals", *common, data=b"")
        if named.returncode or not named.stdout.strip():
            return "", f"no allowed signer has this key ({_first_line(named.stderr)})"
        principal = named.stdout.decode("utf-8", "replace").splitlines()[0]
        checked = _run("verify", *common, "-n", NAMESPACE, "-I", principal, data=data)
    return ("", _first_line(checked.stderr or checked.stdout)) if checked.returncode else (one_line(principal), "")


def make_key(path: Path) -> None:
    """Make a key without a passphrase, and its public key beside it.

    Raises:
        FileNotFoundError: There is no ``ssh-keygen``.
    """
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=_DEADLINE)


def _run(operation: str, *arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run ``ssh-keygen -Y`` without a terminal, so that it cannot ask for a passphrase."""
    command = ["ssh-keygen", "-Y", operation, *arguments]
    try:
        return subprocess.run(
            command, input=data, capture_output=True, check=False, timeout=_DEADLINE, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        text = f"ssh-keygen did not end within {_DEADLINE} s".encode()
        return subprocess.CompletedProcess(command, 1, b"", text)


def _first_line(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return one_line(lines[0].rstrip(".")) if lines else "ssh-keygen says no reason"
