"""Run one read-only task as the main program of a second process.

It writes its result for each file as one line of JSON. What the code of an application prints goes to the standard
error. See :mod:`sqlite_consolidate.engine.content.worker`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TextIO

from sqlite_consolidate.engine.content.contents import digest_lower_halves, load_contents
from sqlite_consolidate.engine.content.cost import examine_database
from sqlite_consolidate.engine.sqlite.application.connection_setup import use_setup_of_parent
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.errors import result_code
from sqlite_consolidate.engine.sqlite.integrity import check_integrity
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_POLL_SECONDS = 0.01


def main() -> None:
    """Run the task that the command line names."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent process, which then ends this one
    answers = _take_standard_output()
    messages: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=_watch_input, args=(messages,), daemon=True).start()
    name, path, *more = sys.argv[1:]
    try:
        use_setup_of_parent()
        for result in _tasks(messages, answers)[name](Path(path), *more):
            _answer(answers, {"result": result})
    except sqlite3.Error as error:
        _answer(answers, {"error": str(error), "code": result_code(error)})
    except ProblemError as error:
        problems = [(each.id, each.subject, each.what, each.hint, each.criterion) for each in error.problems]
        _answer(answers, {"problems": problems})
    os._exit(0)  # the watching thread cannot be ended otherwise


def _answer(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(f"{json.dumps(answer)}\n")
    answers.flush()


def _take_standard_output() -> TextIO:
    """Return the standard output, and replace it by the standard error.

    The code of an application may print, and only an answer must reach the parent process.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # also for code that is not Python
    sys.stdout = sys.stderr
    return answers


def _watch_input(messages: SimpleQueue[str | None]) -> None:
    """Take the messages of the parent process, and end this process when that ends.

    The pipe closes then, even if the parent process was killed.
    """
    for line in sys.stdin:
        messages.put(json.loads(line))
    os._exit(1)


def _check_integrity(path: Path) -> list[str]:
    with closing(open_readonly(path)) as con:
        return check_integrity(con)


def _digest_lower_halves(path: Path) -> dict[str, tuple[int, int]]:
    with closing(open_readonly(path)) as con:
        return digest_lower_halves(con)


def _load_dumps(dump: Path, messages: SimpleQueue[str | None]) -> Iterator[str]:
    """Load dumps one after another, and yield the content digest of each.

    It is empty if the dump cannot be loaded. Each is loaded while it is written.

    Args:
        dump: The first dump.
        messages: The path of each further dump, an empty text when a dump is complete, and None after the last one.
    """
    following: str | None = str(dump)
    while following:
        dump = Path(following)
        try:
            digest = load_contents(dump, lines=_growing_lines(dump, messages)).digest
        except (sqlite3.Error, OSError, UnicodeDecodeError, ProblemError):
            digest = ""
        yield digest
        while (following := messages.get()) == "":  # the load has failed before the end of its dump
            pass


def _growing_lines(path: Path, messages: SimpleQueue[str | None]) -> Iterator[str]:
    line, is_complete = b"", False
    with path.open("rb") as file:
        while True:
            if not is_complete:
                with suppress(Empty):  # before the line is read, so that no line written before the end is missed
                    is_complete = messages.get_nowait() == ""
            line += file.readline()
            if line.endswith(b"\n"):
                yield line.decode("utf-8", "surrogateescape")
                line = b""
            elif is_complete:
                break
            else:
                time.sleep(_POLL_SECONDS)
    if line:
        yield line.decode("utf-8", "surrogateescape")


def _tasks(messages: SimpleQueue[str | None], answers: TextIO) -> dict[str, Callable[..., Iterable[object]]]:
    """Return the tasks of this process by name. Each has a result for each file.

    Args:
        messages: The messages of the parent process.
        answers: Where a task answers that ends this process.
    """

    def end_late(step: str) -> None:
        _answer(answers, {"result": {"late": step}})
        os._exit(0)

    return {
        "examine": lambda path, until: [examine_database(path, float(until), end_late)],
        "integrity": lambda path: [_check_integrity(path)],
        "lower halves": lambda path: [_digest_lower_halves(path)],
        "reload": lambda dump: _load_dumps(dump, messages),
    }


if __name__ == "__main__":
    main()
