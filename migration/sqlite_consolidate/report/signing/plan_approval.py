"""Check who approved a plan by a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.request import Approval
from sqlite_consolidate.observation import Observation, Outcome, not_examined
from sqlite_consolidate.report.signing.ssh_signatures import NAMESPACE, sign, signer_of
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.run.request import Settings
    from sqlite_consolidate.report.evidence import Record

APPROVED = "approved"
"""Id of the criterion of the approval."""

DEMANDED = "signed by an allowed signer who does not sign the run"
SIGNED_BY = "signed by "
RUNNER_UNKNOWN = "; the run has no --sign, so it is unknown whether the signer runs it"


def signature_file(plan: Path) -> Path:
    """Return the file beside a plan in which ssh-keygen keeps its signature."""
    return plan.with_name(f"{plan.name}.sig")


def read_approval(settings: Settings, plan: bytes) -> Approval | None:
    """Return the approval of a plan, or None if no file of allowed signers demands one.

    Args:
        settings: Options of the run.
        plan: Bytes of the plan file.

    Raises:
        OSError: The signature cannot be read.
        ProblemError: The key of the run cannot sign.
    """
    signers = settings.allowed_signers
    if signers is None:
        return None
    file = signature_file(settings.plan)
    if not file.is_file():
        return _refusal(settings, f"not signed, because there is no {one_line(file.name)}")
    signature = file.read_bytes()
    try:
        signer, refusal = signer_of(plan, signature, signers)
        runner = _runner(settings, signers)
    except FileNotFoundError:
        hint = "Install OpenSSH, and start the run again."
        return Approval(not_examined(settings.plan.name, "there is no ssh-keygen, which checks signatures", hint))
    if not signer:
        return _refusal(settings, refusal)
    if signer == runner:
        return _refusal(settings, f"{SIGNED_BY}{signer}, who signs the run as well")
    observed = f"{SIGNED_BY}{signer}{'' if settings.sign else RUNNER_UNKNOWN}"
    return Approval(Observation(settings.plan.name, DEMANDED, observed, holds=True), signature)


def _runner(settings: Settings, signers: Path) -> str:
    """Return the allowed signer whose key signs the run, or an empty text."""
    return signer_of(b"", sign(b"", settings.sign), signers)[0] if settings.sign else ""


def _refusal(settings: Settings, reason: str) -> Approval:
    plan = one_line(settings.plan.name)
    todo = f"Let another person than the runner sign the plan: ssh-keygen -Y sign -n {NAMESPACE} -f KEY {plan}"
    return Approval(Observation(settings.plan.name, DEMANDED, reason, holds=False, todo=todo))


def approval_in(record: Record) -> str:
    """Return the verified approval of a run in words, or an empty text."""
    entries = (entry for entry in record.criteria if entry.criterion == APPROVED)
    return next((entry.observed for entry in entries if entry.outcome is Outcome.PASSED), "")
