"""Sum up the runs of a fleet as one record, one exit code and ``fleet.json``."""

from __future__ import annotations

import getpass
import hashlib
import platform
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sqlite_consolidate.engine.run.exit_codes import INTERRUPTIONS, ExitCode
from sqlite_consolidate.engine.run.modes import FleetVerb, Mode
from sqlite_consolidate.text import printable, with_message_id

if TYPE_CHECKING:
    from sqlite_consolidate.fleet.fleet_file import FleetFile
    from sqlite_consolidate.fleet.members import Member
    from sqlite_consolidate.fleet.worker import WorkspaceRun

Standing = Literal["accepted", "failed", "refused", "interrupted", "unsettled", "not run"]

_ENDED_BEFORE_START = (-signal.SIGINT, -signal.SIGTERM)  # the process had not started its run
_NOTHING_TO_UNDO = "[nothing-to-undo]"  # id in the message of a rollback without a consolidation
_MAX_LENGTH = 2000  # characters of a headline


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Row(_Record):
    """Hold the result of one workspace in the roll-up."""

    workspace: str = Field(description="Path for people, after the name of the worker if it has one.")
    path: str = Field(description="Absolute, on the host that holds it.")
    worker: str = Field(default="", description="Name of the Dask worker that holds it; empty without a scheduler.")
    canary: bool = False
    standing: Standing = Field(
        description="accepted: the run was accepted, or there was nothing to do. failed: a criterion failed and "
        "everything was rolled back. refused: the run was refused before any change. "
        "interrupted: everything was rolled back. "
        "unsettled: the run did not end, or did not roll everything back; the next run recovers it. "
        "not run: the run was not started."
    )
    verdict: str = Field(default="not shown", description="Verdict of its evidence: accepted, refused, not shown.")
    mode: str = Field(default="", description="What the verb meant there: migrate, rehearsal, check or rollback.")
    already: bool = Field(default=False, description="There was nothing left to do.")
    headline: str = Field(description="Reason, for people.")
    reasons: tuple[str, ...] = Field(default=(), description="The first criteria that failed, and what to do.")
    exit_code: int | None = Field(
        default=None, description="Exit code of its run; None: it was not run, or the code is unknown."
    )
    seconds: float = 0.0
    rows: int | None = Field(default=None, description="Number of rows that its target has gained, if known.")
    host: str = Field(default="", description="Where it ran.")
    bundle: str = Field(default="", description="Folder of its report and evidence on that host; empty: there is none.")
    manifest_sha256: str = Field(
        default="", description="Digest of the manifest.json in it, which has the digests of all files."
    )


class RollUp(_Record):
    """Hold the result of a fleet run, as it is written to ``fleet.json``."""

    format: Literal[1] = Field(default=1, alias="schema")
    run: str = Field(description="<UTC stamp>-fleet-<verb>, also the name of its folder.")
    verb: FleetVerb
    fleet: str = Field(description="Name of the fleet file.")
    fleet_sha256: str
    started: str = Field(description="UTC, ISO 8601; finished likewise.")
    finished: str
    host: str = Field(description="Where the fleet run was started; user likewise.")
    user: str
    interrupted: int | None = Field(
        default=None, description="Exit code of the signal that interrupted the run; null: none."
    )
    exit_code: int
    totals: dict[Standing, int] = Field(description="Number of workspaces of each standing; every standing is listed.")
    rows: int = Field(description="Sum over the workspaces whose rows are known.")
    seconds: float = Field(
        description="Sum over the workspaces; more than the elapsed time where some ran in parallel."
    )
    workspaces: tuple[Row, ...]

    @property
    def elapsed(self) -> float:
        """Return the seconds from its start to its end."""
        return (datetime.fromisoformat(self.finished) - datetime.fromisoformat(self.started)).total_seconds()


def roll_up(
    run: str, verb: str, file: FleetFile, rows: tuple[Row, ...], started: datetime, interrupted: int | None
) -> RollUp:
    """Return the roll-up of a fleet run that ends now.

    Args:
        run: Id of the fleet run.
        verb: ``migrate``, ``verify`` or ``rollback``.
        file: The fleet file.
        rows: One for each workspace.
        started: UTC.
        interrupted: Exit code of a signal, or None.
    """
    return RollUp(
        run=run,
        verb=verb,  # type: ignore[arg-type]  # pydantic validates it
        fleet=printable(file.path.name),
        fleet_sha256=hashlib.sha256(file.text.encode("utf-8")).hexdigest(),
        started=started.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        host=platform.node(),
        user=getpass.getuser(),
        interrupted=interrupted,
        exit_code=exit_code(rows, interrupted),
        totals=totals(rows),
        rows=sum(row.rows or 0 for row in rows),
        seconds=round(sum(row.seconds for row in rows), 3),
        workspaces=rows,
    )


def row_from_run(member: Member, verb: str, run: WorkspaceRun) -> Row:
    """Return the row of a run that its worker has returned."""
    bundle, headline = run.bundle, run.bundle.headline if run.bundle else run.output or run.start_error
    refused_before_start = run.exit_code == ExitCode.REFUSED and bundle is None
    nothing_to_undo = verb == Mode.ROLLBACK.verb and refused_before_start and _NOTHING_TO_UNDO in run.output
    return _row(
        member,
        standing="accepted" if nothing_to_undo else _standing(run),
        verdict=bundle.verdict if bundle else "not shown",
        mode=bundle.mode if bundle else "",
        already=nothing_to_undo or bool(bundle and bundle.already),
        headline=printable(" ".join(filter(None, [_late_text(run), headline or _exit_text(run)])))[:_MAX_LENGTH],
        reasons=bundle.reasons if bundle else (),
        exit_code=run.exit_code,
        seconds=round(run.seconds, 3),
        rows=bundle.rows if bundle else None,
        host=run.host,
        bundle=printable(bundle.folder) if bundle else "",
        manifest_sha256=bundle.manifest_sha256 if bundle else "",
    )


def unsettled_row(member: Member, reason: str) -> Row:
    """Return the row of a workspace whose run has an unknown end."""
    return _row(member, standing="unsettled", headline=printable(f"Unfinished: {reason}"))


def not_run_row(member: Member, reason: str) -> Row:
    """Return the row of a workspace that was not run."""
    return _row(member, standing="not run", headline=printable(f"Not run: {reason}"))


def totals(rows: tuple[Row, ...]) -> dict[Standing, int]:
    """Return the number of rows of each standing, those that need a person first."""
    order: tuple[Standing, ...] = ("unsettled", "failed", "interrupted", "refused", "not run", "accepted")
    return {standing: sum(row.standing == standing for row in rows) for standing in order}


def exit_code(rows: tuple[Row, ...], interrupted: int | None) -> int:
    """Return the exit code of the worst result.

    The order is, worst first:
    internal, if a workspace is unsettled or was not rolled back completely;
    the exit code of the signal that interrupted the fleet run;
    failed, if a workspace failed or its run was interrupted;
    refused, if one was refused or not run;
    accepted, if all are.
    """
    standings = {row.standing for row in rows}
    if "unsettled" in standings:
        return ExitCode.INTERNAL
    if interrupted is not None:
        return interrupted
    if standings & {"failed", "interrupted"}:
        return ExitCode.FAILED
    return ExitCode.REFUSED if standings != {"accepted"} else ExitCode.ACCEPTED


def to_json(rollup: RollUp) -> str:
    """Return the roll-up as indented JSON with a newline at its end."""
    return rollup.model_dump_json(indent=2, by_alias=True, ensure_ascii=True) + "\n"


def _row(member: Member, **fields: Any) -> Row:
    return Row(
        workspace=printable(member.name),
        path=printable(member.path),
        worker=printable(member.worker),
        canary=member.canary,
        **fields,
    )


def _standing(run: WorkspaceRun) -> Standing:
    if run.exit_code == ExitCode.ACCEPTED:  # without an accepted bundle the report was lost
        return "accepted" if run.bundle and run.bundle.verdict == "accepted" else "unsettled"
    if run.exit_code is None:
        if run.is_late:
            return "unsettled"
        return "refused" if run.start_error else "not run"
    if run.exit_code in (*INTERRUPTIONS, *_ENDED_BEFORE_START):
        return "interrupted"
    if run.exit_code == ExitCode.FAILED:
        return "failed"
    return "refused" if run.exit_code == ExitCode.REFUSED else "unsettled"


def _late_text(run: WorkspaceRun) -> str:
    """Return what is said about a run that was ended because its time was over."""
    if not run.is_late or run.exit_code == ExitCode.ACCEPTED:
        return ""
    fact = f"It was ended after {run.seconds:.0f} s, because its time was over."
    hint = "Check whether it was stopped or its disk answers, or set a longer timeout in the fleet file. Run it again."
    return with_message_id(fact, hint, id="member-late")


def _exit_text(run: WorkspaceRun) -> str:
    if run.exit_code is None and run.is_late:
        return "Unfinished: the system did not end its process."
    if run.exit_code is None:
        return "Not run: the fleet run was stopped before."
    if run.exit_code < 0:
        return f"Unfinished: its process was ended by signal {-run.exit_code}."
    return f"Exit code {run.exit_code}."
