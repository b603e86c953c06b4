"""End a run in order after Ctrl-C, SIGTERM or SIGHUP.

Once the run is being ended, the signals are ignored.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode

if TYPE_CHECKING:
    from sqlite_consolidate.session import Session

# Without these handlers SIGTERM, or SIGHUP of a closed terminal, would end pytest without a rollback.
EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HUNG_UP,
}


def install_handlers(config: pytest.Config, session: Session) -> None:
    """Let the three signals end the run, except those that were ignored, as under nohup.

    A long SQL statement ends within milliseconds. Only the first signal counts. When pytest ends, the former
    handlers are restored.
    """

    def _handle(number: int, _frame: object) -> None:
        if session.run.log.interrupted is not None:
            return  # because another exception, while pytest handles the first, would end the process with 1
        session.run.limits.interrupted.set()
        code = EXIT_CODES[signal.Signals(number)]
        session.run.log.interrupted = code
        exit_interrupted(code)

    handled = [number for number in EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _handle) for number in handled}

    def _restore_handlers() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    config.add_cleanup(_restore_handlers)


def exit_interrupted(code: ExitCode) -> NoReturn:
    """End the session as pytest does after Ctrl-C.

    The exit code is that of the run's log.
    """
    name = next(number.name for number, its_code in EXIT_CODES.items() if its_code == code)
    # KeyboardInterrupt is not raised, because pytest would then run the other finalisers of a fixture's scope
    # (https://github.com/pytest-dev/pytest/issues/15067). The code is 2, because pytest prints no summary after others.
    pytest.exit(f"interrupted by {name}", returncode=ExitCode.INTERRUPTED)


def ignore_signals() -> None:
    """Ignore all signals from now on.

    A rollback must not be interrupted by the signal that caused it.
    """
    for number in EXIT_CODES:
        signal.signal(number, signal.SIG_IGN)
