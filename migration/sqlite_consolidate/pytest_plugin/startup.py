"""Begin a run of pytest, or refuse it with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.pytest_plugin import signals
from sqlite_consolidate.pytest_plugin.options import settings
from sqlite_consolidate.pytest_plugin.output import html_report as report
from sqlite_consolidate.pytest_plugin.output.terminal import progress_callback
from sqlite_consolidate.pytest_plugin.refusals import refusal
from sqlite_consolidate.session import Hooks, Session, open_session
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.request import RunRequest
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_REFUSED = "refused; nothing was changed:\n"


def begin_run(config: pytest.Config, verb: str) -> Session:
    """Return the session of a run, and first roll back a run that was cut short.

    Raises:
        pytest.UsageError: The run is refused. Nothing was changed.
    """

    def on_progress(words: str) -> None:
        progress_callback(config)(words)  # the plugin that shows it is known only after pytest is configured

    hooks = Hooks(on_progress=on_progress, before_rollback=signals.ignore_signals, selftest=_selftest)
    try:
        with signals.noted() as numbers:
            session = open_session(settings(config), verb, hooks)
        signals.install_handlers(
            config, session, numbers
        )  # a folder of this run gets a report, also if it is interrupted
        session.prepare()
    except ProblemError as error:  # each of its lines has its own id
        refused = all(problem.criterion for problem in error.problems)  # found before anything was changed
        raise pytest.UsageError(printable(f"{_REFUSED}{error}" if refused else str(error))) from None
    except OSError as error:
        hint = "Fix this, and run again."
        raise refusal(f"{_REFUSED}{error}. {hint}", id="system") from None
    except sqlite3.Error as error:
        hint = "Find the program that locks it, or restore it, and run again."
        raise refusal(f"{_REFUSED}a database cannot be read: {error}. {hint}", id="unreadable") from None
    config.add_cleanup(session.close)
    config.option.maxfail = 0  # with -x only the first problem would be reported
    report.prepare(config, session)
    return session


def _selftest(request: RunRequest, on_progress: Callable[[str], None]) -> Pipeline:
    from sqlite_consolidate.faults.trials.selftest_run import SelftestRun

    return SelftestRun(request, on_progress)
