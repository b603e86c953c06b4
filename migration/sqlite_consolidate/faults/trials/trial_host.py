"""Fork a process for each trial, in a process that has the imports behind it.

It has neither threads nor connections nor locks, and it never runs the program that started the self-test.
"""

from __future__ import annotations

import gc
import importlib
import os
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlite_consolidate.faults.trials.trial_run import answer_trial

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from typing import NoReturn

    from sqlite_consolidate.faults.trials.trial import Trial

_IMPORTED_LATE = (
    *("concurrent.futures.thread", "jsonschema", "libcst", "pathspec", "psutil"),
    "sqlite_consolidate.inventory.inventory_run",
)


def serve(connection: Connection) -> None:
    """Receive a trial, answer with its result if it has one and with the exit status of its process, until the end."""
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    gc.freeze()  # a collection in a fork would go through what is here, and copy its pages
    with suppress(EOFError, BrokenPipeError):
        while True:
            trial = connection.recv()
            child = os.fork()
            if not child:
                _answer_and_end(trial, connection)
            _, status = os.waitpid(child, 0)
            connection.send(os.waitstatus_to_exitcode(status))


def _answer_and_end(trial: Trial, connection: Connection) -> NoReturn:
    """End this process, whatever happens; threads that a run has left behind cannot keep it."""
    status = 1
    try:
        answer_trial(trial, connection)
        status = 0
    except BaseException:  # noqa: BLE001 -- a fork never returns into what its host does
        traceback.print_exc()
    finally:
        os._exit(status)
