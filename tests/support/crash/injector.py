"""Injector: which system calls of a run change files in its workspace, and a run that one of them fails, or ends.

strace stands beside a run of pytest and counts its calls: https://strace.io, "inject". A call that is to kill is not
made any more; one that is to fail returns the error instead.
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
"""What can happen at a call; for good: at every later call of that name as well. A power cut is more than its kill."""

_WRITES = ("write", "pwrite64", "writev", "pwritev", "ftruncate", "truncate", "fallocate", "copy_file_range")
_SYNCS = ("fsync", "fdatasync")
_NAMES = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink", "unlinkat", "mkdir", "rmdir")
_OPENS = ("open", "openat", "creat")  # count where they create
_CHANGES = (*_WRITES, *_SYNCS, *_NAMES, *_OPENS, "chmod", "fchmod", "fchown", "sendfile")
_KNOWN = ",".join(f"?{name}" for name in _CHANGES)  # "?": not every machine has all of them

_LINE = re.compile(r"(\d+)\s+(\w+)\((.*)")
_PATHS = re.compile(r"(?:\d+|AT_FDCWD)<([^>]*)>|\"((?:[^\"\\]|\\.)*)\"")
_PR_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)


@dataclass(frozen=True)
class Call:
    """One system call that changes a file below the workspace.

    Attributes:
        name: Such as ``rename``.
        number: Which one of that name in the process it is, counted from 1. Those of ``openat`` differ from run to run
            by some: the processes of the machine are looked at.
        paths: What it changes, relative to the workspace; the new name last.
        arguments: All that strace shows of them; the bytes that are written are among them.
    """

    name: str
    number: int
    paths: tuple[str, ...]
    arguments: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}#{self.number} {' -> '.join(self.paths)}"

    @property
    def writes(self) -> bool:
        """Whether it changes bytes."""
        return self.name in _WRITES

    @property
    def syncs(self) -> bool:
        """Whether it waits until they are on the disk."""
        return self.name in _SYNCS

    @property
    def names(self) -> bool:
        """Whether it changes what is in a folder."""
        return self.name in _NAMES or self.name in _OPENS


def why_no_injection() -> str:
    """Return why nothing can be injected on this machine, or an empty text."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode else ""


def calls_of(workspace: Workspace, verb: str = "migrate", spoil: Callable[[], object] | None = None) -> list[Call]:
    """Let ``verb`` run undisturbed, and return the calls that changed files in the workspace, in order."""
    ran, log = _watched(workspace, verb, ["-e", f"trace={_KNOWN}"], spoil)
    assert ran.exit == 0, ran.text
    return list(_read(log, os.path.realpath(workspace.root)))


def run_with_fault(
    workspace: Workspace, fault: str, call: Call, verb: str = "migrate", spoil: Callable[[], object] | None = None
) -> tuple[bool, CompletedRun]:
    """Let ``verb`` run with a fault at one call; return whether it came to that, and what the run came to."""
    inject = f"{call.name}:{FAULTS[fault].format(call.number)}"
    ran, log = _watched(workspace, verb, ["-e", f"trace={call.name}", "-e", f"inject={inject}"], spoil)
    return "INJECTED" in log or "killed by SIGKILL" in log, ran


class StraceSession:
    """A plugin that lets strace watch its own process, from before the run begins.

    Args:
        log: Where strace writes.
        options: What it is told.
        spoil: Called first; it may spoil the process it is called in.
    """

    def __init__(self, log: Path, options: list[str], spoil: Callable[[], object] | None) -> None:
        self._command = ["strace", "-f", "-y", "-s", "4096", "-o", str(log), *options]
        self._spoil = spoil
        self._says, self._said = os.pipe()  # what strace says; at its end when strace has ended

    @pytest.hookimpl(wrapper=True)  # wrappers go before the gate, which begins the run
    def pytest_cmdline_main(self) -> Iterator[None]:
        """Begin to be watched."""
        sys.dont_write_bytecode = True  # its calls would be counted the first time only
        if self._spoil:
            self._spoil()
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY)  # a child may trace us; without Yama this does nothing
        self._strace = subprocess.Popen([*self._command, "-p", str(os.getpid())], stderr=self._said)
        os.close(self._said)
        said = os.read(self._says, 1000)
        assert b"attached" in said, said
        return (yield)

    def wait(self) -> None:
        """Strace has written all that it will."""
        os.close(self._said)
        while os.read(self._says, 1000):
            pass
        os.close(self._says)


def _watched(
    workspace: Workspace, verb: str, options: list[str], spoil: Callable[[], object] | None
) -> tuple[CompletedRun, str]:
    """Each call of any name costs: strace stops the process for it. What only takes calls is left out."""
    log = workspace.reports.parent / "strace.log"
    watched = StraceSession(log, options, spoil)
    ran = workspace.forked(verb, "--capture=no", "-p", "no:xdist", plugin=watched)
    watched.wait()
    return ran, log.read_text("utf-8", "replace")


def _read(log: str, root: str) -> Iterator[Call]:
    """Yield the calls of the run itself: those of the process that made most of them."""
    made = [found.groups() for line in log.splitlines() if (found := _LINE.match(line))]
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
