"""A process that is no child of the tests', as an application's is."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stranger(code: str, *arguments: object) -> Iterator[int]:
    """Run ``code`` in a process that is no child of this one, and lend its id while it waits."""
    waiting = f"import os, sys\n{code}\nprint(os.getpid(), flush=True)\nsys.stdin.read()"
    command = [sys.executable, "-c", waiting, *(str(argument) for argument in arguments)]
    between = "import subprocess, sys; subprocess.Popen(sys.argv[1:], stdin=0)"  # ends at once: the child is an orphan
    with subprocess.Popen(
        [sys.executable, "-c", between, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.wait()
        try:
            yield pid
        finally:
            parent.stdin.close()
            parent.stdout.read()  # until the stranger has ended
