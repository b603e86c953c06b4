"""List the places in the engine that wait for the disk, and skip one of them."""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlite_consolidate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_PACKAGE = Path(sqlite_consolidate.__file__).parent
_PLACES = ("engine/**/*.py", "atomic_files.py")
_WAITING = ("fsync", "sync_folder", "_sync", "_fill")  # os.fsync, and functions of the engine that only call it
_OF_REPORTS = ("write_private",)  # no workspace depends on them
_OF_ALL = ("sync_folder", "_sync", "_fill")  # each call of these is a place of its own


@dataclass(frozen=True)
class Sync:
    """Hold a place where the engine waits until data is on the disk.

    Attributes:
        file: Path of its module in the package.
        line: The line of the call, from 1.
        of: The function that contains it.
    """

    file: str
    line: int
    of: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.of})"


def syncs() -> list[Sync]:
    """Return all of them."""
    return [sync for place in _PLACES for path in sorted(_PACKAGE.glob(place)) for sync in _syncs_in(path)]


def skip(sync: Sync) -> None:
    """Let this process skip one of them."""
    wait = os.fsync

    def _wait(descriptor: int) -> None:
        if not _on_the_stack(sync):
            wait(descriptor)

    vars(os)["fsync"] = _wait


def note(file: Path) -> None:
    """Let this process record which of them it reaches, one a line."""
    wait, left = os.fsync, set(syncs())

    def _wait(descriptor: int) -> None:
        for sync in {sync for sync in left if _on_the_stack(sync)}:
            left.remove(sync)
            with file.open("a") as out:
                out.write(f"{sync}\n")
        wait(descriptor)

    vars(os)["fsync"] = _wait


def _syncs_in(path: Path) -> Iterator[Sync]:
    for function in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(function, ast.FunctionDef) or function.name in _OF_REPORTS:
            continue
        if path.name == "atomic_files.py" and function.name in _OF_ALL:
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _name(call.func) in _WAITING:
                yield Sync(path.relative_to(_PACKAGE).as_posix(), call.lineno, function.name)


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _on_the_stack(sync: Sync) -> bool:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 -- the only way to the calling lines
    while frame is not None:
        if frame.f_lineno == sync.line and frame.f_code.co_filename == str(_PACKAGE / sync.file):
            return True
        frame = frame.f_back
    return False
