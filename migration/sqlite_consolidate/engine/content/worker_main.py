"""Run one read-only task as the main program of a second process.

It writes its result as one line of JSON. See :mod:`sqlite_consolidate.engine.content.worker`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.contents import digest_lower_halves, load_contents
from sqlite_consolidate.engine.content.cost import examine_database
from sqlite_consolidate.engine.sqlite.application.connection_setup import use_setup_of_parent
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.errors import result_code
from sqlite_consolidate.engine.sqlite.integrity import check_integrity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_POLL_SECONDS = 0.01


def main() -> None:
    """Run the task that the command line names."""
    complete = threading.Event()
    threading.Thread(target=_watch_input, args=(complete,), daemon=True).start()
    name, path, *more = sys.argv[1:]
    try:
        use_setup_of_parent()
        answer = {"result": _tasks(complete)[name](Path(path), *more)}
    except sqlite3.Error as error:
        answer = {"error": str(error), "code": result_code(error)}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # the watching thread cannot be ended otherwise


def _watch_input(complete: threading.Event) -> None:
    """End this process when the parent process ends.

    The pipe closes then, even if the parent process was killed.
    """
    while os.read(0, 64):
        complete.set()
    os._exit(1)


def _check_integrity(path: Path) -> list[str]:
    with closing(open_readonly(path)) as con:
        return check_integrity(con)


def _digest_lower_halves(path: Path) -> dict[str, tuple[int, int]]:
    with closing(open_readonly(path)) as con:
        return digest_lower_halves(con)


def _load_growing_dump(dump: Path, complete: threading.Event) -> dict[str, str]:
    """Load a dump while it is written, and return the digests of its bytes and contents."""
    sha256 = hashlib.sha256()

    def lines() -> Iterator[str]:
        for line in _growing_lines(dump, complete):
            sha256.update(line)
            yield line.decode("utf-8", "surrogateescape")

    contents = load_contents(dump, lines=lines())
    return {"sha256": sha256.hexdigest(), "digest": contents.digest}


def _growing_lines(path: Path, complete: threading.Event) -> Iterator[bytes]:
    line = b""
    with path.open("rb") as file:
        while True:
            is_complete = complete.is_set()  # read before the line, so that no line written before the end is missed
            line += file.readline()
            if line.endswith(b"\n"):
                yield line
                line = b""
            elif is_complete:
                break
            else:
                time.sleep(_POLL_SECONDS)
    if line:
        yield line


def _tasks(complete: threading.Event) -> dict[str, Callable[..., object]]:
    """Return the tasks of this process by name.

    Args:
        complete: Set when the growing file that a task reads is complete.
    """
    return {
        "examine": lambda path, until: examine_database(path, float(until)),
        "integrity": _check_integrity,
        "lower halves": _digest_lower_halves,
        "reload": lambda dump: _load_growing_dump(dump, complete),
    }


if __name__ == "__main__":
    main()
