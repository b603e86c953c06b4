"""Compute bands from the sources to the target's tables, as wide as their rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlite_consolidate.report.formatting import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.report.evidence import MoveRecord, Record

WIDTH = 960  # units of the drawing; the page scales it
LEFT, RIGHT = 290, 620  # where the bands leave the sources and reach the tables
NODE = 12  # width of the upright bars at both ends

_HEIGHT = 300.0  # that all rows share between them
_TOP = 44.0
_SLOT = 40.0  # at least, for the two lines of a label
_LEAST_THICKNESS = 1.5  # a table without rows still has a line
_MOST_TABLES = 12
_MOST_SOURCES = 8

_NO_FILES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Node:
    """Hold the place and label of a source, or of a table of the target."""

    y: float
    height: float
    name: str
    label: str

    @property
    def middle(self) -> float:
        """Return the height of its label."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Band:
    """Hold the rows that one source brings to one table.

    The band is ``existing`` if it stands for rows that the target had before.
    """

    path: str
    existing: bool
    empty: bool
    title: str


@dataclass(frozen=True)
class Flow:
    """Hold the whole chart, with a sentence that describes it."""

    height: float
    sources: tuple[Node, ...]
    tables: tuple[Node, ...]
    bands: tuple[Band, ...]
    description: str


@dataclass(frozen=True)
class _Stream:
    source: str
    table: str
    rows: int


def build_flow(record: Record, files: Mapping[str, int] = _NO_FILES) -> Flow | None:
    """Return the chart, or None if nothing is to be moved.

    Args:
        record: The record.
        files: Number of files of each source that stands for several.
    """
    if not record.flow:
        return None
    streams = [*_planned_streams(record.flow), *_existing_streams(record)]
    sources = list(dict.fromkeys(stream.source for stream in streams))
    tables = list(dict.fromkeys(stream.table for stream in streams))
    scale = _HEIGHT / max(1, sum(stream.rows for stream in streams))
    left = _nodes(sources, {name: [s for s in streams if s.source == name] for name in sources}, scale)
    right = _nodes(tables, {name: [s for s in streams if s.table == name] for name in tables}, scale)
    height = max(node.y + max(node.height, _SLOT) for node in (*left, *right)) + 16
    rows = sum(move.arriving for move in record.flow)
    into = record.target.file if record.target else "the target"
    databases = sum(files.get(name, 1) for name in {move.source for move in record.flow})
    tables_text = f"{count_of(len(record.flow), 'table')} in {count_of(databases, 'database')}"
    description = f"{count_of(rows)} of {tables_text} into {into}."
    bands = tuple(_bands(streams, sources, tables, left, right, scale))
    return Flow(height, tuple(left), tuple(right), bands, description)


def _planned_streams(moves: Sequence[MoveRecord]) -> list[_Stream]:
    """Return the rows that are moved, with the smaller tables and sources summed up."""
    by_rows = sorted(moves, key=lambda move: -move.arriving)
    shown_tables = {move.into for move in by_rows[:_MOST_TABLES]}
    weights: dict[str, int] = defaultdict(int)
    for move in moves:
        weights[move.source] += move.arriving
    shown_sources = set(sorted(weights, key=lambda name: -weights[name])[:_MOST_SOURCES])
    other_tables = f"{len({move.into for move in moves} - shown_tables)} other tables"
    other_sources = f"{len(set(weights) - shown_sources)} other sources"
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for move in moves:
        source = move.source if move.source in shown_sources else other_sources
        sums[source, move.into if move.into in shown_tables else other_tables] += move.arriving
    order = {other_sources: 1}
    ordered = sorted(sums, key=lambda key: (order.get(key[0], 0), key[1] == other_tables))
    return [_Stream(source, table, sums[source, table]) for source, table in ordered]


def _existing_streams(record: Record) -> list[_Stream]:
    """Return the rows that the target had before the run and has still.

    Receiving tables have a band each, all other tables share one.
    """
    before, replaced = record.target.rows if record.target else {}, Counter[str]()
    for move in record.flow:
        replaced[move.into] += move.replaced
    receiving = {stream.table for stream in _planned_streams(record.flow)}
    staying = {name: rows - replaced[name] for name, rows in before.items() if name in receiving}
    streams = [_Stream(_EXISTING, name, rows) for name, rows in staying.items() if rows > 0]
    others = [rows for name, rows in before.items() if name not in receiving]
    if others:
        streams.append(_Stream(_EXISTING, f"{count_of(len(others), 'table')} it had before", sum(others)))
    return streams


_EXISTING = "already in the target"


def _thickness(rows: int, scale: float) -> float:
    return max(_LEAST_THICKNESS, rows * scale)


def _nodes(names: list[str], streams: dict[str, list[_Stream]], scale: float) -> list[Node]:
    nodes, y = [], _TOP
    for name in names:
        height = sum(_thickness(stream.rows, scale) for stream in streams[name])
        start = y + max(0.0, (_SLOT - height) / 2)
        nodes.append(Node(round(start, 1), round(height, 1), name, count_of(sum(s.rows for s in streams[name]))))
        y += max(height, _SLOT) + 8
    return nodes


def _bands(
    streams: list[_Stream], sources: list[str], tables: list[str], left: list[Node], right: list[Node], scale: float
) -> list[Band]:
    used_left, used_right = [node.y for node in left], [node.y for node in right]
    middle_x = (LEFT + RIGHT) / 2
    bands = []
    for stream in streams:
        source_index, table_index = sources.index(stream.source), tables.index(stream.table)
        thickness = _thickness(stream.rows, scale)
        left_y, right_y = used_left[source_index], used_right[table_index]
        used_left[source_index], used_right[table_index] = left_y + thickness, right_y + thickness
        left_end, right_end = left_y + thickness, right_y + thickness
        used_left[source_index], used_right[table_index] = left_end, right_end
        path = (
            f"M{LEFT + NODE} {left_y:.1f}"
            f"C{middle_x:.0f} {left_y:.1f} {middle_x:.0f} {right_y:.1f} {RIGHT} {right_y:.1f}V{right_end:.1f}"
            f"C{middle_x:.0f} {right_end:.1f} {middle_x:.0f} {left_end:.1f} {LEFT + NODE} {left_end:.1f}Z"
        )
        title = f"{stream.source} → {stream.table}: {count_of(stream.rows)}"
        bands.append(Band(path, stream.source == _EXISTING, not stream.rows, title))
    return bands
