"""Specify that evidence of very many files is written with little memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.long_sequences import Remade
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.report.evidence import DatabaseRecord, TableContent
from sqlite_consolidate.report.evidence_json import printable_record, to_json
from sqlite_consolidate.row_differences import Disclosure
from sqlite_consolidate.session import open_session
from tests.support.reports import records

if TYPE_CHECKING:
    from pathlib import Path

_FILES = 200
_CRITERIA = 10
_MOST_BYTES = 5_000  # of each file; the objects of all entries of a file take twice as much


def test_memory_of_evidence_is_bounded_for_each_file() -> None:
    """Entries are folded when they arise, and never lie side by side as objects."""
    files = [f"phones/{number:05}.db" for number in range(_FILES)]
    contents = {"call": TableContent(1, "0" * 64)}
    sources = tuple(
        DatabaseRecord(f"phone:{file}", file, digest=f"{number:064x}", contents={"live": contents})
        for number, file in enumerate(files)
    )
    criteria = tuple(records.passed(f"c{number}", file) for number in range(_CRITERIA) for file in files)
    record = replace(records.accepted(), sources=sources, criteria=criteria)
    to_json(record)

    tracemalloc.start()
    text = to_json(record)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert files[-1] in text
    assert peak < _FILES * _MOST_BYTES


def test_entry_that_is_made_when_read_hides_secrets() -> None:
    """A run learns some secrets after its first entries."""
    entries = [records.passed("space", f"{number}.db", "s3cret") for number in range(3)]
    record = replace(records.accepted(), criteria=Remade(lambda: entries, len(entries)))

    shown = printable_record(record, Disclosure().hiding(["s3cret"]).of_text)

    assert "s3cret" in to_json(printable_record(record))
    assert "s3cret" not in to_json(shown)


def test_record_of_ended_run_is_built_once(tmp_path: Path) -> None:
    """Page, bundle and terminal are made of one record, and never of several at the same time."""
    plan = tmp_path / "consolidation.toml"
    session = open_session(Settings(workspace=tmp_path, plan=plan, reports=tmp_path / "reports"), "migrate")
    unfinished = session.record()

    session.end(refused=True)

    assert not unfinished.finished
    assert session.record().finished
    assert session.record() is session.record()
