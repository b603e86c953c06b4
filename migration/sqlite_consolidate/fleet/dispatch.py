"""Give each workspace to the worker that holds it, round after round, and record its row."""

from __future__ import annotations

from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from sqlite_consolidate.fleet.model import DEFAULT_SECONDS
from sqlite_consolidate.fleet.rollup import Row, not_run_row, row_from_run, unsettled_row
from sqlite_consolidate.fleet.worker import Job
from sqlite_consolidate.text import with_message_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.fleet.members import Member
    from sqlite_consolidate.fleet.workers import PendingRun, Workers

_FETCH_SECONDS = 60  # a result stays on its worker until it is fetched
_POLL_SECONDS = 0.2  # how soon a signal is passed on and a lost worker is noticed


@dataclass(frozen=True)
class FleetJob:
    """Hold what is the same for the runs in all workspaces.

    Attributes:
        run: Id of the fleet run.
        project: Root folder of the project from which the fleet was started.
        verb: ``migrate``, ``verify`` or ``rollback``.
        reports: Absolute; every member has a separate folder below it.
        extra: Further options of the runs.
        seconds: Time limit of each run.
    """

    run: str
    project: Path
    verb: str
    reports: Path
    extra: tuple[str, ...] = ()
    seconds: float = DEFAULT_SECONDS

    def job(self, member: Member) -> Job:
        """Return the job for the worker of a member."""
        reports = self.reports / "workspaces" / member.key
        project = str(self.project)
        return Job(self.run, project, self.verb, member.path, member.plan, str(reports), self.extra, self.seconds)


class Dispatcher:
    """Run the rounds of one fleet run.

    The row of a run whose worker is lost is ``unsettled``. The next run in that workspace recovers it.

    Args:
        workers: What runs the workspaces.
        fleet_job: What is the same for all workspaces.
        keep_going: Go on after a workspace that is not accepted.
        interrupted: Returns whether the fleet run is to end. Running workspaces are rolled back then, and waited for.
        on_row: Called with each row as it comes in.
    """

    def __init__(
        self,
        workers: Workers,
        fleet_job: FleetJob,
        *,
        keep_going: bool,
        interrupted: Callable[[], bool],
        on_row: Callable[[Row], None],
    ) -> None:
        self._workers, self._fleet_job = workers, fleet_job
        self._keep_going, self._interrupted, self._on_row = keep_going, interrupted, on_row
        self._stop_sent = self._interrupt_sent = False
        self._first_failed = ""

    def run(self, rounds: Sequence[tuple[Member, ...]]) -> tuple[Row, ...]:
        """Return the row of every member, in the order of the rounds."""
        rows = {}
        for members in rounds:
            for member, row in self._round(members):
                rows[member.key] = row
                self._on_row(row)
        return tuple(rows[member.key] for members in rounds for member in members)

    def _round(self, members: tuple[Member, ...]) -> Iterator[tuple[Member, Row]]:
        if reason := self._stop_reason():
            yield from ((member, not_run_row(member, reason)) for member in members)
            return
        finished = SimpleQueue["PendingRun"]()
        waiting: dict[PendingRun, Member] = {}
        addresses = self._addresses() or {}
        for position, member in enumerate(members):
            if self._workers.is_remote and member.worker not in addresses:
                self._first_failed = self._first_failed or member.name
                yield member, not_run_row(member, f"the worker {member.worker!r} is not connected.")
            else:
                waiting[self._submitted(member, addresses, position)] = member
        for pending in waiting:
            pending.add_done_callback(finished.put)
        while waiting:
            try:
                pending = finished.get(timeout=_POLL_SECONDS)
            except Empty:
                yield from self._give_up_lost(waiting, addresses)
            else:
                if pending in waiting:  # otherwise it was given up before
                    member = waiting.pop(pending)
                    yield member, self._recorded(_row(pending, member, self._fleet_job.verb))
            self._stop_if_needed()

    def _submitted(self, member: Member, addresses: dict[str, str], position: int) -> PendingRun:
        key = f"{self._fleet_job.run}-{member.key}"
        return self._workers.submit(self._fleet_job.job(member), key, addresses.get(member.worker, ""), position)

    def _give_up_lost(
        self, waiting: dict[PendingRun, Member], addresses: dict[str, str]
    ) -> Iterator[tuple[Member, Row]]:
        """Yield an unsettled row for each run whose worker or scheduler is lost."""
        if not self._workers.is_remote:
            return
        connected = self._addresses()
        reason = "the scheduler was lost." if self._workers.is_lost else "the worker {!r} was lost."
        for pending, member in list(waiting.items()):
            if self._workers.is_lost or (connected is not None and addresses[member.worker] not in connected.values()):
                del waiting[pending]
                yield member, self._recorded(unsettled_row(member, reason.format(member.worker)))

    def _addresses(self) -> dict[str, str] | None:
        """Return name to address of the workers, or None while the scheduler does not answer."""
        try:
            return self._workers.addresses()
        except OSError:  # the client reconnects, or cancels every run
            return None

    def _recorded(self, row: Row) -> Row:
        if row.standing not in ("accepted", "not run"):
            self._first_failed = self._first_failed or row.workspace
        return row

    def _stop_reason(self) -> str:
        if self._interrupted():
            return "the fleet run was interrupted."
        return f"{self._first_failed} was not accepted." if self._first_failed and not self._keep_going else ""

    def _stop_if_needed(self) -> None:
        """Tell the workers once to start no more runs.

        After an interruption they are also told to roll back the runs in progress.
        """
        interrupt = self._interrupted()
        if (interrupt and not self._interrupt_sent) or (self._stop_reason() and not self._stop_sent):
            self._stop_sent, self._interrupt_sent = True, interrupt
            self._workers.stop(self._fleet_job.run, interrupt=interrupt)


def _row(pending: PendingRun, member: Member, verb: str) -> Row:
    if pending.cancelled():
        return unsettled_row(member, "the scheduler was lost.")
    try:
        return row_from_run(member, verb, pending.result(timeout=_FETCH_SECONDS))
    except Exception as error:  # noqa: BLE001 -- the run may have been accepted, but its result did not arrive
        fact = f"its result did not arrive ({type(error).__name__}: {error})."
        return unsettled_row(member, with_message_id(fact, "Run it again.", id="result-lost"))
