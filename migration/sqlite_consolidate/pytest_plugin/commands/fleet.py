"""Run a fleet from ``--fleet FILE`` to its roll-up and exit code.

Each workspace has a pytest process of its own.
"""

from __future__ import annotations

import shlex
import signal
import sys
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.atomic_files import make_private_folders, write_private
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import FLEET_VERBS
from sqlite_consolidate.engine.run.request import call
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.pytest_plugin.options import settings
from sqlite_consolidate.pytest_plugin.output.lossy_stream import LossyStream
from sqlite_consolidate.pytest_plugin.refusals import refusal
from sqlite_consolidate.pytest_plugin.signals import EXIT_CODES
from sqlite_consolidate.report.bundle import update_latest
from sqlite_consolidate.report.formatting import duration
from sqlite_consolidate.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlite_consolidate.fleet.cluster import Cluster
    from sqlite_consolidate.fleet.fleet_file import FleetFile
    from sqlite_consolidate.fleet.members import Member
    from sqlite_consolidate.fleet.rollup import RollUp, Row
    from sqlite_consolidate.fleet.workers import Workers

_ALONE = ("--workspace", "--plan", "--originals", "--bundle")  # options that mean one workspace

SWITCHES = ("discard-changes", "show-values", "withhold-output")
"""Options without a value that each run of a fleet gets as well."""

_MOST_NAMED = 20


def run_fleet(config: pytest.Config, verb: str, *, only_list: bool) -> int:
    """Run the workspaces of a fleet as far as needed, and return the exit code of the fleet.

    Args:
        config: Configuration with ``--fleet``.
        verb: ``migrate``, ``verify`` or ``rollback``.
        only_list: Whether only to print what would be run on which worker.

    Raises:
        pytest.UsageError: The fleet is refused. No workspace was changed.
    """
    if verb not in FLEET_VERBS:
        calls = ", ".join(call(settings(config).program, fleet_verb) for fleet_verb in FLEET_VERBS)
        raise refusal(f"--fleet can only be used with {calls}.", id="option-elsewhere")
    alone = [option for option in _ALONE if config.getoption(option) is not None]
    if alone:
        fact = f"{', '.join(alone)}: with --fleet the fleet file names the workspaces."
        raise refusal(f"{fact} Leave it out.", id="option-elsewhere")
    from sqlite_consolidate.fleet.fleet_file import load_fleet
    from sqlite_consolidate.fleet.members import find_workspaces, plan_rounds, resolve_members
    from sqlite_consolidate.fleet.workers import local_workers

    with ExitStack() as resources:
        cluster = None
        try:
            file = load_fleet((config.invocation_params.dir / config.getoption("consolidate_fleet")).resolve())
            if file.fleet.scheduler:
                cluster = resources.enter_context(_connected(file.fleet.scheduler))
            groups = plan_rounds(
                file.fleet, resolve_members(file, cluster.find_workspaces if cluster else find_workspaces)
            )
        except ProblemError as error:  # each of its lines has its own id
            raise pytest.UsageError(printable(f"refused; nothing was changed:\n{error}")) from None
        except OSError as error:
            raise refusal(f"refused; nothing was changed:\n{error}. Fix this, and run again.", id="system") from None
        _print(*_outlook(file, verb, groups))
        if only_list:
            return 0
        workers = cluster or resources.enter_context(local_workers(file.fleet.parallel))
        return _FleetRun(config, file, verb).run(workers, groups)


def _connected(scheduler: str) -> AbstractContextManager[Cluster]:
    """Return the connection to a scheduler.

    Raises:
        pytest.UsageError: Dask is not installed.
    """
    if find_spec("distributed") is None:
        fact = "a fleet with a scheduler needs Dask distributed. Install it: pip install 'sqlite-consolidate[fleet]'"
        raise refusal(fact, id="no-dask")
    from sqlite_consolidate.fleet.cluster import connected

    return connected(scheduler)


class _FleetRun:
    """Run a fleet once, and write its roll-up."""

    def __init__(self, config: pytest.Config, file: FleetFile, verb: str) -> None:
        self._file, self._verb = file, verb
        configured = settings(config)
        has_own_reports = file.fleet.reports and config.getoption("consolidate_reports") is None
        self._reports = (file.path.parent / file.fleet.reports).resolve() if has_own_reports else configured.reports
        self._names_reports = configured.names_reports
        self._project, self._program = config.rootpath, configured.program
        switches = (name for name in SWITCHES if config.getoption(f"consolidate_{name.replace('-', '_')}"))
        values = {"keep": configured.keep, "sign": configured.sign, "allowed-signers": configured.allowed_signers}
        self._extra = (
            *(f"--{name}" for name in switches),
            *(f"--{name}={value}" for name, value in values.items() if value is not None),
        )
        self._started = datetime.now(UTC)
        while self._folder.exists():  # two runs that begin in the same second need different names
            self._started += timedelta(seconds=1)
        self._ended: int | None = None
        self._reported = 0

    @property
    def _id(self) -> str:
        return f"{self._started:%Y%m%d_%H%M%S}-fleet-{self._verb}"

    @property
    def _folder(self) -> Path:
        return self._reports / self._id

    def run(self, workers: Workers, groups: Sequence[tuple[Member, ...]]) -> int:
        """Run all workspaces, write the roll-up, print the result, and return the exit code."""
        from sqlite_consolidate.fleet.dispatch import Dispatcher, FleetJob
        from sqlite_consolidate.fleet.rollup import roll_up

        number = sum(map(len, groups))
        with self._signals():
            rows = Dispatcher(
                workers,
                FleetJob(self._id, self._project, self._verb, self._reports, self._extra, self._file.fleet.timeout),
                keep_going=self._file.fleet.keep_going,
                interrupted=lambda: self._ended is not None,
                on_row=lambda row: self._report_row(row, number),
            ).run(groups)
            rollup = roll_up(self._id, self._verb, self._file, rows, self._started, self._ended)
            try:
                _write(rollup, self._reports)
            except OSError as error:
                _print(f"the roll-up could not be written: {error}", *_summary_lines(rollup, None, self._again))
                return ExitCode.INTERNAL
        _print(*_summary_lines(rollup, self._folder, self._again))
        return rollup.exit_code

    @property
    def _again(self) -> str:
        demanded = [option for option in self._extra if option.startswith("--allowed-signers")]
        reports = [f"--reports={self._reports}"] if self._names_reports else []
        return shlex.join([*self._program, self._verb, f"--fleet={self._file.path}", *reports, *demanded])

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Note a signal instead of ending the process.

        The dispatcher reads the note and passes the signal on.
        """

        def note(number: int, _frame: object) -> None:
            self._ended = EXIT_CODES[signal.Signals(number)]

        handled = [number for number in EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, note) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _report_row(self, row: Row, number: int) -> None:
        self._reported += 1
        took = duration(row.seconds) if row.exit_code is not None else ""
        words = row.headline.splitlines()[0] if row.headline else ""
        _print(f"{self._reported:>5}/{number}  {row.standing:<11}  {took:>10}  {row.workspace}: {words}")


def _write(rollup: RollUp, reports: Path) -> None:
    from sqlite_consolidate.fleet.earlier_runs import ROLL_UP, earlier_roll_ups
    from sqlite_consolidate.fleet.page import PAGE_NAME, render_page
    from sqlite_consolidate.fleet.rollup import to_json

    folder = reports / rollup.run
    make_private_folders(folder)
    write_private(folder / ROLL_UP, to_json(rollup).encode("utf-8"))
    page = render_page(rollup, folder, earlier_roll_ups(reports, rollup.fleet, rollup.run))
    write_private(folder / PAGE_NAME, page.encode("utf-8", "backslashreplace"))
    update_latest(reports, rollup.run)


def _outlook(file: FleetFile, verb: str, groups: Sequence[tuple[Member, ...]]) -> Iterator[str]:
    """Yield what is going to be run, in order."""
    workspaces, rounds = counted(sum(map(len, groups)), "workspace"), counted(len(groups), "round")
    yield f"{file.path.name}: {verb} in {workspaces}, in {rounds}"
    for number, group in enumerate(groups, start=1):
        kind = "canaries" if group[0].canary else "batch"
        yield f"{number:>4}. {kind}: {', '.join(member.name for member in group[:_MOST_NAMED])}" + _more(len(group))


def _summary_lines(rollup: RollUp, folder: Path | None, again: str) -> Iterator[str]:
    """Yield the workspaces that need attention, the totals, and the next command."""
    yield from ("", " sqlite-consolidate ".center(80, "="))
    needing = [row for row in rollup.workspaces if row.standing not in ("accepted", "not run")]
    for row in needing[:_MOST_NAMED]:
        yield f"  {row.workspace}: {row.standing}: " + "\n    ".join([*row.headline.splitlines(), *row.reasons])
    if needing[_MOST_NAMED:]:
        yield f" {_more(len(needing))}: see the roll-up"
    yield ", ".join(f"{count} {standing}" for standing, count in rollup.totals.items() if count)
    if folder is not None:
        yield f"  roll-up:    {folder / 'fleet.html'}"
    if rollup.exit_code:
        first = "fix the problems above, then run: " if rollup.interrupted is None else ""
        yield f"  next:       {first}{again}"


def _more(number: int) -> str:
    return f" and {number - _MOST_NAMED} more" if number > _MOST_NAMED else ""


def _print(*lines: str) -> None:
    output = LossyStream(sys.stdout)
    output.writelines(f"{printable(line)}\n" for line in lines)
    output.flush()
