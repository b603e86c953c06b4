"""End a run in order after Ctrl-C, SIGTERM or SIGHUP.

The first signal ends the run, and all others are ignored. A test of a stage ends immediately. Between tests the run
ends at the next safe place, because pytest takes an exception in its own code for an error of a test or of itself.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.pytest_plugin.state import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.session import Session

# Without these handlers SIGTERM, or SIGHUP of a closed terminal, would end pytest without a rollback.
EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HUNG_UP,
}

_IN_TEST = pytest.StashKey[bool]()


@contextmanager
def noted() -> Iterator[list[int]]:
    """Yield a list that receives the signals of this block, which are handled after it.

    A run that was cut short is rolled back while the next one is opened. No signal may interrupt that.
    """
    numbers: list[int] = []
    before = {number: signal.getsignal(number) for number in EXIT_CODES}
    handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in handled:
            signal.signal(number, lambda number, _frame: numbers.append(number))
        yield numbers
    finally:
        for number in handled:
            signal.signal(number, before[number])


def install_handlers(config: pytest.Config, session: Session, numbers: list[int]) -> None:
    """Let the three signals end the run, except those that were ignored, as under nohup.

    A long SQL statement ends within milliseconds. The handlers stay, because the process ends with the run.

    Args:
        config: The configuration of pytest.
        session: The run.
        numbers: Signals that came while the run was opened.
    """

    def _handle(number: int, _frame: object) -> None:
        if session.run.log.interrupted is not None:
            return
        session.run.log.interrupted = EXIT_CODES[signal.Signals(number)]
        session.run.limits.interrupted.set()
        if config.stash.get(_IN_TEST, False):
            _exit_interrupted(session.run.log.interrupted)

    for number in EXIT_CODES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)
    for early in numbers:
        _handle(early, None)


@contextmanager
def interruptible(config: pytest.Config) -> Iterator[None]:
    """Let a signal end the test of a stage immediately.

    A statement that a signal ended is an interruption as well, not a failure.
    """
    config.stash[_IN_TEST] = True
    try:
        exit_if_interrupted(config)
        yield
    finally:
        config.stash[_IN_TEST] = False
        exit_if_interrupted(config)


def exit_if_interrupted(config: pytest.Config) -> None:
    """End the session as pytest does after Ctrl-C, if a signal has come.

    The exit code is that of the run's log.
    """
    session = config.stash.get(SESSION, None)
    if session is not None and session.run.log.interrupted is not None:
        _exit_interrupted(session.run.log.interrupted)


def _exit_interrupted(code: ExitCode) -> NoReturn:
    name = next(number.name for number, its_code in EXIT_CODES.items() if its_code == code)
    # KeyboardInterrupt is not raised, because pytest would then run the other finalisers of a fixture's scope
    # (https://github.com/pytest-dev/pytest/issues/15067). The code is 2, because pytest prints no summary after others.
    # pytest formats the traceback of the cause as well, which fails where a signal came at a place without a line.
    raise pytest.exit.Exception(f"interrupted by {name}", ExitCode.INTERRUPTED) from None


def ignore_signals() -> None:
    """Ignore all signals from now on.

    A rollback must not be interrupted by the signal that caused it.
    """
    for number in EXIT_CODES:
        signal.signal(number, signal.SIG_IGN)
