"""Specify the progress text of a long step.

It states what is known, and nothing else.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.digest import digest_table
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.limits import PROGRESS_ROWS, Progress, size_reader
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.pytest_plugin.output.heartbeat import bar, progress_text, time_left
from tests.support.observations import numbers_in

if TYPE_CHECKING:
    from pathlib import Path


def under_way(done: int, total: int, unit: str = "rows") -> Progress:
    """Return the progress of a step of which a part is done."""
    progress = Progress()
    progress.begin(total, unit, lambda: done)
    return progress


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (under_way(9_000, 20_000), ["45", "9,000", "20,000", "3,000", "4"]),
        (under_way(9_000, 0), ["9,000", "3,000"]),
        (under_way(0, 20_000), []),
        (under_way(30_000, 20_000), ["20,000"]),
        (under_way(3 << 20, 303 << 20, "bytes"), ["1", "3.0", "303.0", "1.0", "5"]),
    ],
)
def test_progress_text_states_the_known_part(progress: Progress, expected: list[str]) -> None:
    """The text is taken after three seconds.

    It has a share and an end only if the total is known.
    """
    assert re.findall(r"\d[\d.,]*\d|\d", progress_text(progress, 3.0)) == expected


def test_rehearsal_gives_the_time_left() -> None:
    """The text ends when the stage takes longer than in the rehearsal.

    Without a rehearsal it is empty.
    """
    assert numbers_in(time_left(100.0, 30.0)) == [1, 10]
    assert time_left(100.0, 100.0) == time_left(None, 5.0) == ""


def test_bar_fills_with_the_share() -> None:
    """The bar has the length of the finished share.

    It is empty if the total is unknown.
    """
    assert bar(under_way(1, 2)) == "[##########..........] "
    assert bar(under_way(2, 2)) == "[####################] "
    assert bar(under_way(2, 0)) == ""


def test_growing_file_is_measured(tmp_path: Path) -> None:
    """The former size of the file is subtracted.

    A file that does not exist yet counts as empty.
    """
    progress = Progress()
    progress.begin(100, "bytes", size_reader(tmp_path / "growing", less=10))
    before = progress.done

    (tmp_path / "growing").write_bytes(b"x" * 50)

    assert (before, progress.done) == (0, 40)


def test_rows_are_counted_while_they_are_read() -> None:
    """Rows are counted in steps, so that counting takes little time."""
    with closing(open_memory()) as con:
        con.execute("CREATE TABLE t(a)")
        con.executemany("INSERT INTO t VALUES(?)", [(n,) for n in range(3 * PROGRESS_ROWS + 5)])

        digest_table(con, read_schema(con).tables["t"])

        assert con.limits.progress.done == 3 * PROGRESS_ROWS
