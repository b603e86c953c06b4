"""Fork a process for each trial, from a process that has imported all modules.

This process has no threads, connections or locks. It never runs the program that started the self-test.
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
    """Receive trials, and answer each with its result and the exit status of its process.

    A process that ends without a result has only the exit status.
    """
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    gc.freeze()  # a garbage collection in a fork would copy the pages of these objects
    with suppress(EOFError, BrokenPipeError):
        while True:
            trial = connection.recv()
            child = os.fork()
            if not child:
                _answer_and_end(trial, connection)
            _, status = os.waitpid(child, 0)
            connection.send(os.waitstatus_to_exitcode(status))


def _answer_and_end(trial: Trial, connection: Connection) -> NoReturn:
    """End this process in any case, even if the run has left threads behind."""
    status = 1
    try:
        answer_trial(trial, connection)
        status = 0
    except BaseException:  # noqa: BLE001 -- a fork must not continue the code of its host
        traceback.print_exc()
    finally:
        os._exit(status)
