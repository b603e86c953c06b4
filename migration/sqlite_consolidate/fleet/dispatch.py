"""Dispatch: round after round, each workspace's run is given to the worker that holds it, and its row is noted."""

from __future__ import annotations

from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from sqlite_consolidate.fleet.rollup import Row, not_run, row_of, unsettled
from sqlite_consolidate.fleet.worker import Job, Ran, run_workspace, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from distributed import Future

    from sqlite_consolidate.fleet.cluster import Cluster
    from sqlite_consolidate.fleet.members import Member

_FETCH_SECONDS = 60  # a result is with its worker until it is fetched, and may be lost with it
_LOOK_SECONDS = 0.2  # how soon a signal is passed on, and a worker that is gone is noticed


@dataclass(frozen=True)
class Errand:
    """What is to be done in every workspace.

    Attributes:
        run: Id of the fleet run.
        project: Root folder of the project from which it was started.
        verb: ``migrate``, ``verify`` or ``rollback``.
        reports: Absolute; every member has a folder of its own below it.
        extra: Further options of the runs.
    """

    run: str
    project: Path
    verb: str
    reports: Path
    extra: tuple[str, ...] = ()

    def job(self, member: Member) -> Job:
        """Return what the member's worker has to do."""
        reports = self.reports / "workspaces" / member.key
        return Job(self.run, str(self.project), self.verb, member.path, member.plan, str(reports), self.extra)


class Dispatch:
    """Runs the rounds of one fleet run.

    A workspace is bound to the address of its worker, not only to its name: were that worker lost and started again,
    Dask would find nobody who may run the task, and it is not run twice. What was lost is reported, and settled by the
    next run through the recovery of every run.

    Args:
        cluster: Where they are run.
        errand: What is to be done.
        keep_going: Go on after a workspace that is not accepted.
        interrupted: Tells whether the fleet run is to end: what runs is asked to put back, and waited for.
        tell: Called with each row as it comes in.
    """

    def __init__(
        self,
        cluster: Cluster,
        errand: Errand,
        *,
        keep_going: bool,
        interrupted: Callable[[], bool],
        tell: Callable[[Row], None],
    ) -> None:
        self._cluster, self._errand = cluster, errand
        self._keep_going, self._interrupted, self._tell = keep_going, interrupted, tell
        self._stopped = self._asked = False
        self._bad = ""

    def run(self, rounds: Sequence[tuple[Member, ...]]) -> tuple[Row, ...]:
        """Return the row of every member, in the order of the rounds."""
        rows = {}
        for members in rounds:
            for member, row in self._round(members):
                rows[member.key] = row
                self._tell(row)
        return tuple(rows[member.key] for members in rounds for member in members)

    def _round(self, members: tuple[Member, ...]) -> Iterator[tuple[Member, Row]]:
        if why := self._why_stopped():
            yield from ((member, not_run(member, why)) for member in members)
            return
        arrived = SimpleQueue["Future[Ran]"]()
        waiting: dict[Future[Ran], Member] = {}
        addresses = self._addresses() or {}
        for place, member in enumerate(members):
            if self._cluster.far and member.worker not in addresses:
                self._bad = self._bad or member.name
                yield member, not_run(member, f"the worker {member.worker!r} is not connected.")
            else:
                waiting[self._submitted(member, addresses, place)] = member
        for future in waiting:
            future.add_done_callback(arrived.put)
        while waiting:
            try:
                future = arrived.get(timeout=_LOOK_SECONDS)
            except Empty:
                yield from self._lost(waiting, addresses)
            else:
                if future in waiting:  # else it was given up before
                    member = waiting.pop(future)
                    yield member, self._noted(_row(future, member, self._errand.verb))
            self._stop_if_needed()

    def _submitted(self, member: Member, addresses: dict[str, str], place: int) -> Future[Ran]:
        return self._cluster.client.submit(
            run_workspace,
            self._errand.job(member),
            key=f"{self._errand.run}-{member.key}",
            workers=[addresses[member.worker]] if self._cluster.far else None,
            allow_other_workers=False,
            priority=-place,  # in the order of the file, as far as a worker has several
            retries=0,
        )

    def _lost(self, waiting: dict[Future[Ran], Member], addresses: dict[str, str]) -> Iterator[tuple[Member, Row]]:
        """Give up what nobody works on any more: its worker, or the scheduler itself, is gone."""
        if not self._cluster.far:
            return
        now = self._addresses()
        why = "the scheduler was lost." if self._cluster.lost else "the worker {!r} was lost."
        for future, member in list(waiting.items()):
            if self._cluster.lost or (now is not None and addresses[member.worker] not in now.values()):
                del waiting[future]
                future.release()
                yield member, self._noted(unsettled(member, why.format(member.worker)))

    def _addresses(self) -> dict[str, str] | None:
        """Return name to address of the workers; None while the scheduler does not answer."""
        try:
            return self._cluster.workers()
        except OSError:  # the client goes on to reach it, or ends every future
            return None

    def _noted(self, row: Row) -> Row:
        if row.standing not in ("accepted", "not run"):
            self._bad = self._bad or row.workspace
        return row

    def _why_stopped(self) -> str:
        if self._interrupted():
            return "the fleet run was interrupted."
        return f"{self._bad} was not accepted." if self._bad and not self._keep_going else ""

    def _stop_if_needed(self) -> None:
        """Tell the workers to start no more, and after an interruption also to put back what runs; once each."""
        interrupt = self._interrupted()
        if (interrupt and not self._asked) or (self._why_stopped() and not self._stopped):
            self._stopped, self._asked = True, interrupt
            if not self._cluster.lost:
                self._cluster.client.run(stop, self._errand.run, interrupt=interrupt, on_error="ignore")


def _row(future: Future[Ran], member: Member, verb: str) -> Row:
    if future.status == "cancelled":
        return unsettled(member, "the scheduler was lost.")
    try:
        return row_of(member, verb, future.result(timeout=_FETCH_SECONDS))
    except Exception as error:  # noqa: BLE001 -- the run may have ended well, but what it came to never arrived
        return unsettled(member, f"{type(error).__name__}: {error}")
