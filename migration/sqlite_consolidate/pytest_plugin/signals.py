"""Interruption: how Ctrl-C, SIGTERM and a closed terminal end a run in order, and from when on they no longer may."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode

if TYPE_CHECKING:
    from sqlite_consolidate.session import Session

# pytest alone would die of SIGTERM, and of SIGHUP when its terminal is closed, without undoing anything.
EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HUNG_UP,
}


def install_handlers(config: pytest.Config, session: Session) -> None:
    """The three signals end the run from now on, except those that were ignored before, as under nohup.

    A long SQL statement ends within milliseconds. When pytest ends, the signals mean what they did before.
    """

    def _end(number: int, _frame: object) -> None:
        session.run.limits.interrupted.set()
        code = EXIT_CODES[signal.Signals(number)]
        session.run.log.interrupted = code
        exit_interrupted(code)

    heard = [number for number in EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in heard}

    def _as_before() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    config.add_cleanup(_as_before)


def exit_interrupted(code: ExitCode) -> NoReturn:
    """End the session as pytest does after Ctrl-C; the exit code is that of the run's log."""
    name = next(number.name for number, its_code in EXIT_CODES.items() if its_code == code)
    # Not KeyboardInterrupt: pytest then goes on with the other finalisers of a fixture's scope
    # (https://github.com/pytest-dev/pytest/issues/15067). 2, since pytest sums up after no other code of ours.
    pytest.exit(f"interrupted by {name}", returncode=ExitCode.INTERRUPTED)


def ignore_signals() -> None:
    """No signal is heard from now on: putting back must not be torn by what made it necessary."""
    for number in EXIT_CODES:
        signal.signal(number, signal.SIG_IGN)
