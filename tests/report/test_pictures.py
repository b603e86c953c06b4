"""Compute the picture of a record, readable for any number of tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.evidence import KeyMapRecord
from sqlite_consolidate.report.html import flow
from sqlite_consolidate.report.html.many_files import sum_up_files
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.html.table_contents import move_lines
from tests.support.reports import records

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record


def test_width_of_a_band_is_its_number_of_rows(accepted: Record) -> None:
    """17 times the rows are 17 times the width. The target's own rows have one more band."""
    picture = flow.build_flow(accepted)

    assert picture
    assert [node.label for node in picture.sources] == ["90 rows", "62 rows"]
    heights = {node.name: node.height for node in picture.tables}
    assert heights["tasks"] == pytest.approx(17 * heights["task_queue_metadata"], rel=0.02)
    assert sum(node.height for node in picture.sources) == pytest.approx(sum(heights.values()), abs=0.2)


def test_tables_without_rows_still_have_a_line(accepted: Record) -> None:
    """An empty table was moved as well."""
    empty = tuple(replace(move, rows=0, arrived=0) for move in accepted.moves)

    picture = flow.build_flow(replace(accepted, moves=empty))

    assert picture
    assert [band.empty for band in picture.bands] == [True, True, False]


def test_bands_show_the_rows_that_the_target_has(accepted: Record) -> None:
    """Rows that stay behind or stand already have no band, and a replaced row counts once."""
    first, *others = accepted.moves
    chosen = replace(first, rows=first.rows + 30, skipped=20, left=10, replaced=2)
    target = replace(accepted.target, rows={first.into: 5}) if accepted.target else None

    picture = flow.build_flow(replace(accepted, moves=(chosen, *others), target=target))

    assert picture
    (node,) = (node for node in picture.tables if node.name == first.into)
    assert node.label == f"{first.rows + 5 - 2} rows"


def test_before_the_copy_the_planned_tables_are_drawn(accepted: Record) -> None:
    """An interrupted run shows its plan. If nothing is known, there is no picture."""
    assert flow.build_flow(replace(accepted, moves=(), planned=accepted.moves)) == flow.build_flow(accepted)
    assert flow.build_flow(replace(accepted, moves=())) is None


def test_thousand_tables_are_drawn_as_twelve_and_others() -> None:
    """Nothing is left out of the sums."""
    large = records.large()

    picture = flow.build_flow(large)

    assert picture
    assert [node.name for node in picture.tables][12:] == ["988 other tables", "1 table it had before"]
    assert [node.label for node in picture.sources] == ["500,500 rows", "62 rows"]


def test_record_without_figures_has_no_picture(accepted: Record) -> None:
    """A run that was refused early has nothing to draw."""
    nothing = replace(accepted, sources=(), target=None, stages=(), moves=())

    assert flow.build_flow(nothing) is None


def test_table_of_the_picture_shows_constants(accepted: Record) -> None:
    """A reader sees what tells rows of two sources apart."""
    move = replace(accepted.moves[0], constants={"tenant": "'north'", "dev": "1"}, followed={"dev": "2"})

    page = render_page(replace(accepted, moves=(move,)))

    assert "<code>tenant = &#39;north&#39;</code><br><code>dev = 2</code>" in page


def test_line_of_a_pattern_speaks_of_all_files(accepted: Record) -> None:
    """The first file has no new keys, and a constant of its own."""
    files = [f"phones/{place}.db" for place in range(5)]
    source, move = accepted.sources[0], replace(accepted.moves[0], into="call")
    record = replace(
        accepted,
        sources=tuple(replace(source, name=f"phone:{file}", file=file) for file in files),
        moves=tuple(
            replace(
                move, source=f"phone:{file}", constants={"file": file, "a": "1", "b": "1"}, followed={"b": f"{key}"}
            )
            for key, file in enumerate(files, 1)
        ),
        key_maps=tuple(KeyMapRecord(f"phone:{file}", "call", 90 * place) for place, file in enumerate(files)),
    )

    [line] = move_lines(sum_up_files(record)[0])

    constants = {"file": "phones/0.db and 4 more values", "a": "1", "b": "1 and 4 more values"}
    assert line.move.constants == constants
    assert line.keys.startswith("by file")
