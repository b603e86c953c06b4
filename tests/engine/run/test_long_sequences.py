"""Specify that what a run notes of very many files is read again as it was."""

from __future__ import annotations

import gc
import resource
import signal
import tempfile
import tracemalloc
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.long_sequences import Appended, Remade, Spool, remade
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import RunLog
from sqlite_consolidate.engine.run.stages import PREFLIGHT, stages_of
from sqlite_consolidate.observation import Observation, Outcome, equal
from sqlite_consolidate.row_differences import DifferenceKind, RowDifference, RowDifferences

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FEW, MANY = tuple(range(200)), tuple(range(1001))


def log_of_files(number: int, *further: Observation) -> RunLog:
    """Return a log with an entry of each of many files."""
    log = RunLog(Mode.MIGRATE, criteria={stage.id: criteria_in(stage) for stage in stages_of(Mode.MIGRATE)})
    log.begin(PREFLIGHT)
    log.end_performing(PREFLIGHT)
    log.add(PREFLIGHT, "space", [equal("disk", 1, 1)])
    log.add(PREFLIGHT, "sources-readable", [*(equal(f"{at}.db", at, at) for at in range(number)), *further])
    return log


def test_few_items_stay_where_they_are() -> None:
    """A small run uses no file."""
    assert Spool().keep(FEW) == FEW
    assert remade(lambda: FEW, len(FEW)) == FEW


def test_many_items_are_read_again_and_again() -> None:
    """Two readers at a time, and two sequences in one file, do not disturb each other."""
    spool = Spool()
    first, second = spool.keep(MANY), spool.keep(MANY[::-1])

    assert isinstance(first, Remade)
    assert list(zip(first, second, first, strict=True)) == list(zip(MANY, MANY[::-1], MANY, strict=True))
    assert (len(first), first[-1], first[3:5], 7 in first) == (1001, 1000, (3, 4), True)
    assert list(first.each(str)) == [str(number) for number in MANY]


def test_items_stay_in_memory_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has room in no folder for temporary files has its evidence nevertheless."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    assert tuple(Spool().keep(MANY)) == MANY


def test_items_are_read_when_their_file_is_full() -> None:
    """What does not fit into it stays in memory."""
    spool, size = Spool(), resource.getrlimit(resource.RLIMIT_FSIZE)
    first, further = spool.keep(MANY), MANY[::-1]
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, size[1]))
    try:
        kept, read = spool.keep(further), tuple(first)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, size)
        signal.signal(signal.SIGXFSZ, handler)

    assert tuple(kept) == further
    assert read == MANY


def test_evidence_of_very_many_files_is_complete() -> None:
    """The outcome of the criterion is the worst of all entries, with the rows that differ."""
    row = RowDifference(DifferenceKind.MISSING, "t", rowid=7)
    log = log_of_files(
        1000, Observation("last.db", "a", "b", holds=False, rows=RowDifferences(missing=1, first=(row,)))
    )

    entries = [entry for entry in log.evidence() if entry.criterion in log.results]

    assert log.outcome("sources-readable") is Outcome.FAILED
    assert log.results["sources-readable"].examined == 1001
    assert [entry.subject for entry in entries][::1000] == ["0.db", "last.db"]
    assert (len(entries), entries[1000].rows) == (1002, RowDifferences(missing=1, first=(row,)).masked())
    assert isinstance(log.results["sources-readable"].evidence, Remade)


def test_log_keeps_little_of_each_file() -> None:
    """Its entries are in the temporary file."""
    log_of_files(1000)
    tracemalloc.start()
    log = log_of_files(1000)
    gc.collect()  # frees the tuples that Python keeps for reuse
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert log.results["sources-readable"].examined == 1000
    assert kept < 50_000  # the entries would take 250,000


def test_items_are_appended_while_earlier_are_read() -> None:
    """A reader has the items of its time, and the next reader those that were added."""
    appended = Appended[int]()
    for number in MANY[:300]:
        appended.append(number)
    early = appended.items
    for number in MANY[300:]:
        appended.append(number)

    assert isinstance(appended.items, Remade)
    assert (tuple(early), tuple(appended.items)) == (MANY[:300], MANY)
    assert appended.items is appended.items
