"""List the system calls of a run that change files, and run it with a fault at one call.

strace attaches to a run of pytest and counts its calls (https://strace.io, "inject"). A call that kills is not made. A
call that fails returns the error instead.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.workspaces.whole_run import CompletedRun, Workspace

FAULTS = {
    "kill": "signal=SIGKILL:when={}",
    "disk full": "error=ENOSPC:when={}",
    "disk error": "error=EIO:when={}",
    "disk full for good": "error=ENOSPC:when={}+",
    "disk error for good": "error=EIO:when={}+",
    "power cut": "signal=SIGKILL:when={}",
}
"""Faults at a call. "For good" means every later call of that name as well. A power cut includes a kill."""

_WRITES = ("write", "pwrite64", "writev", "pwritev", "ftruncate", "truncate", "fallocate", "copy_file_range")
_SYNCS = ("fsync", "fdatasync")
_NAMES = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink", "unlinkat", "mkdir", "rmdir")
_OPENS = ("open", "openat", "creat")  # they count if they create a file
_CHANGES = (*_WRITES, *_SYNCS, *_NAMES, *_OPENS, "chmod", "fchmod", "fchown", "sendfile")
_KNOWN = ",".join(f"?{name}" for name in _CHANGES)  # "?": not every machine has all of them

_LINE = re.compile(r"(\d+)\s+(\w+)\((.*)")
_PATHS = re.compile(r"(?:\d+|AT_FDCWD)<([^>]*)>|\"((?:[^\"\\]|\\.)*)\"")
_PR_SET_PTRACER, _ANY_PROCESS = 0x59616D61, ctypes.c_ulong(-1)


@dataclass(frozen=True)
class Call:
    """Hold one system call that changes a file in the workspace.

    Attributes:
        name: Such as ``rename``.
        number: Number of the call among those of its name in the process, from 1. The numbers of ``openat`` differ a
            little
            between runs, because the processes of the machine are listed.
        paths: Changed paths, relative to the workspace; the new name comes last.
        arguments: The arguments as strace shows them, with the bytes that are written.
    """

    name: str
    number: int
    paths: tuple[str, ...]
    arguments: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}#{self.number} {' -> '.join(self.paths)}"

    @property
    def writes(self) -> bool:
        """Return whether it changes bytes."""
        return self.name in _WRITES

    @property
    def syncs(self) -> bool:
        """Return whether it waits until bytes are on the disk."""
        return self.name in _SYNCS

    @property
    def names(self) -> bool:
        """Return whether it changes the names in a folder."""
        return self.name in _NAMES or self.name in _OPENS


def why_no_injection() -> str:
    """Return why no fault can be injected on this machine, or an empty text."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode else ""


def calls_of(workspace: Workspace, verb: str = "migrate", spoil: Callable[[], object] | None = None) -> list[Call]:
    """Run ``verb`` without a fault, and return the calls that changed files, in order."""
    ran, log = _watched(workspace, verb, ["-e", f"trace={_KNOWN}"], spoil)
    assert ran.exit == 0, ran.text
    return list(_read(log, os.path.realpath(workspace.root)))


def run_with_fault(
    workspace: Workspace, fault: str, call: Call, verb: str = "migrate", spoil: Callable[[], object] | None = None
) -> tuple[bool, CompletedRun]:
    """Run ``verb`` with a fault at one call.

    Returns:
        Whether the call was reached, and the result of the run.
    """
    inject = f"{call.name}:{FAULTS[fault].format(call.number)}"
    ran, log = _watched(workspace, verb, ["-e", f"trace={call.name}", "-e", f"inject={inject}"], spoil)
    return "INJECTED" in log or "killed by SIGKILL" in log, ran


class StraceSession:
    """Let strace trace this process from before the run begins.

    Args:
        log: Output file of strace.
        options: Options of strace.
        spoil: Called first in the traced process.
    """

    def __init__(self, log: Path, options: list[str], spoil: Callable[[], object] | None) -> None:
        self._command = ["strace", "-f", "-y", "-s", "4096", "-o", str(log), *options]
        self._spoil = spoil
        self._output, self._strace_end = os.pipe()  # the output of strace; it ends with strace

    @pytest.hookimpl(wrapper=True)  # wrappers go before the gate, which begins the run
    def pytest_cmdline_main(self) -> Iterator[None]:
        """Start strace and wait until it has attached."""
        sys.dont_write_bytecode = True  # its calls would occur in the first run only
        if self._spoil:
            self._spoil()
        ctypes.CDLL(None).prctl(
            _PR_SET_PTRACER, _ANY_PROCESS
        )  # allows a child to trace this process; without Yama it has no effect
        self._strace = subprocess.Popen([*self._command, "-p", str(os.getpid())], stderr=self._strace_end)
        os.close(self._strace_end)
        output = os.read(self._output, 1000)
        assert b"attached" in output, output
        return (yield)

    def wait(self) -> None:
        """Wait until strace has ended."""
        os.close(self._strace_end)
        while os.read(self._output, 1000):
            pass
        os.close(self._output)


def _watched(
    workspace: Workspace, verb: str, options: list[str], spoil: Callable[[], object] | None
) -> tuple[CompletedRun, str]:
    """Run ``verb`` under strace, and return the result and the log.

    Each traced call takes time, because strace stops the process. Plugins that only make calls are switched off.
    """
    log = workspace.reports.parent / "strace.log"
    watched = StraceSession(log, options, spoil)
    ran = workspace.forked(*verb.split(), "--capture=no", "-p", "no:xdist", plugin=watched)
    watched.wait()
    return ran, log.read_text("utf-8", "replace")


def _read(log: str, root: str) -> Iterator[Call]:
    """Yield the calls of the process that made most of them, which is the run."""
    made = [match.groups() for line in log.splitlines() if (match := _LINE.match(line))]
    main = Counter(pid for pid, _, _ in made).most_common(1)[0][0]
    counted: Counter[str] = Counter()
    for pid, name, rest in made:
        if pid != main:
            continue
        counted[name] += 1
        arguments, _, result = rest.rpartition(" = ")
        if result.startswith("-") or (name in _OPENS and "O_CREAT" not in arguments and name != "creat"):
            continue  # it changed nothing
        paths = tuple(_below(root, name, arguments))
        if paths:
            yield Call(name, counted[name], paths, arguments)


def _below(root: str, name: str, arguments: str) -> Iterator[str]:
    folder = ""
    for descriptor, text in _PATHS.findall(arguments):
        if descriptor:
            folder = descriptor.removesuffix(" (deleted)")
        if descriptor and name not in (*_WRITES, *_SYNCS, "fchmod", "fchown", "sendfile"):
            continue  # a folder that a name is relative to
        path = (
            os.path.normpath(f"{folder}/{text}" if not text.startswith("/") else text).rstrip("/") if text else folder
        )
        if path == root or path.startswith(root + os.sep):
            yield os.path.relpath(path, root)
        if descriptor:
            return
