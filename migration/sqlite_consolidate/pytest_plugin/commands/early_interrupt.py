"""End this process in order if Ctrl-C comes before a run.

This module imports nothing that takes time, because it is imported before everything else.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE = b"sqlite-consolidate: interrupted by SIGINT before a run began.\n"


def end_at_interrupt() -> Callable[[], None]:
    """Let Ctrl-C end this process with one line, until a run has handlers of its own.

    The process ends immediately, because the importing module can catch and change an exception in an import. A handler
    of another program stays, and so does an ignored signal.

    Returns:
        What restores the handler of Python.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return lambda: None
    terminal = -1
    with suppress(OSError):  # standard error may be closed
        terminal = os.dup(2)  # pytest redirects standard error while it imports a conftest.py

    def end(_number: int, _frame: object) -> None:
        with suppress(OSError):
            os.write(terminal, _LINE)
        os._exit(ExitCode.INTERRUPTED)

    def restore() -> None:
        if signal.getsignal(signal.SIGINT) is end:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with suppress(OSError):
            os.close(terminal)

    signal.signal(signal.SIGINT, end)
    return restore
