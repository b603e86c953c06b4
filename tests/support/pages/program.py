"""Compile the page reader for the tests."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import copy_contents, page_copies
from sqlite_consolidate.engine.backup.rollback import target_state
from sqlite_consolidate.engine.content import contents, inspection
from sqlite_consolidate.engine.content.page_proof import open_transaction, rows
from sqlite_consolidate.engine.merge import transaction
from sqlite_consolidate.engine.merge.rows import shifted_rows
from sqlite_consolidate.page_reader.availability import PURE, reason_without_program
from sqlite_consolidate.page_reader.compilation import PROGRAM, compile_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# Sizes of the smallest databases and tables that it reads, of the smallest tables that it writes, and of a cache that
# holds as small a part of them. Their pages are copied, and a file is read once, as those of large ones are.
_SIZES = (
    (copy_contents, "SMALL", 0),
    (page_copies, "PARALLEL_MIN_BYTES", 0),
    (target_state, "PARALLEL_MIN_BYTES", 0),
    (contents, "PARALLEL_MIN_BYTES", 0),
    (inspection, "PARALLEL_MIN_BYTES", 0),
    (inspection, "PAGES_MIN_BYTES", 0),
    (open_transaction, "PAGES_MIN_BYTES", 0),
    (transaction, "_CACHE_KB", 4),
    (rows, "FEWEST_ROWS", 0),
    (shifted_rows, "FEWEST_ROWS", 0),
)


def need_page_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile the page reader in this checkout unless it is there.

    Without a compiler the test is skipped.
    """
    monkeypatch.delenv(PURE, raising=False)
    if not reason_without_program():
        return
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    with _lock(PROGRAM.parent):  # the workers of a run would compile it at the same time
        if reason_without_program():
            assert compile_program() == ""


def read_every_size_by_pages() -> None:
    """Let the page reader read every database of this process and of its forks.

    Raises:
        pytest.UsageError: The page reader cannot be used here.
    """
    if reason := reason_without_program():
        raise pytest.UsageError(f"--pages: {reason}")
    for module, name, size in _SIZES:
        setattr(module, name, size)


def use_pages_for_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page reader read every database, however small it is."""
    for module, name, size in _SIZES:
        monkeypatch.setattr(module, name, size)


def program_with_sanitizers(folder: Path) -> Path:
    """Compile a page reader with sanitizers in a folder, or skip the test."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    program = folder / "page_reader_with_sanitizers"
    if reason := compile_program(program, with_sanitizers=True):
        pytest.skip(f"there are no sanitizers ({reason.splitlines()[0]})")
    return program


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lock a folder among processes, without a file in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
