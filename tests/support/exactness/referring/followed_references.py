"""Follow each child to its parent in sources and target, without the engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.exactness.referring.drawn_references import Drawn, Link, Move, Row, Scenario, Shape
else:
    from sqlite_utils.utils import sqlite3

Contents = dict[str, list["Row"]]
Links = dict[tuple[str, ...], tuple[str, tuple[str, ...]]]
"""Referring columns to the table and the columns that they refer to."""


class NotPredictedError(Exception):
    """Tell that the rows of the target cannot be predicted, because keys collide."""


def read_rows(path: Path) -> Contents:
    """Return the rows of every table of a database."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
        con.row_factory = sqlite3.Row
        names = [
            row[0]
            for row in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not row[0].startswith(("sqlite_", "_consolidation"))
        ]
        return {name: [dict(row) for row in con.execute(f"SELECT * FROM {name}")] for name in names}


def predict(scenario: Scenario, sources: dict[str, Contents], before: Contents) -> Contents:
    """Return the rows that the target has after the copy.

    Raises:
        NotPredictedError: Keys collide although the plan demands that they do not.
    """
    target = {name: [*rows] for name, rows in before.items()}
    for source in scenario.sources:
        for move in scenario.moves[source.file]:
            shape, present = scenario.shapes[move.table], target.setdefault(move.into, [])
            rows = sources[source.file][move.table]
            clashing = [row for row in rows if any(_clash(shape, row, other) for other in present)]
            if move.policy == "prefer-source":
                present[:] = [other for other in present if not any(_clash(shape, row, other) for row in rows)]
                clashing = []
            elif (clashing and move.policy == "refuse") or (
                move.policy == "skip-identical"
                and not all(_same(row, other) for row in rows for other in present if _clash(shape, row, other))
            ):
                raise NotPredictedError
            present += [row for row in rows if not any(row is other for other in clashing)]
    return target


def _clash(shape: Shape, row: Row, other: Row) -> bool:
    return any(
        all(row[c] is not None and _equal(row[c], other[c], shape.collation(key)) for c in key) for key in shape.unique
    )


def _equal(value: Any, key: Any, collation: str) -> bool:
    """Compare a referring value with a key as SQLite does."""
    if value is None or key is None:
        return False
    if isinstance(key, int) and isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(key, str) and isinstance(value, int):
        value = str(value)
    if collation == "NOCASE" and isinstance(value, str) and isinstance(key, str):
        return value.lower() == key.lower()
    return bool(value == key)


def _same(row: Row, other: Row) -> bool:
    return row.keys() == other.keys() and all(type(row[c]) is type(other[c]) and row[c] == other[c] for c in row)


def declared_links(scenario: Scenario) -> dict[str, Links]:
    """Return the foreign keys of each table of the target after the run."""
    links: dict[str, Links] = {}
    for name, shape in scenario.shapes.items() if scenario.target else ():
        links[name] = _links(shape, {}) if scenario.target and scenario.target.declared else {}
    moves = [(source, move) for source in scenario.sources for move in scenario.moves[source.file]]
    for _, move in moves:
        if move.create:  # holds for all sources
            shape = scenario.shapes[move.table]
            links.setdefault(move.into, {} if move.parents is None else _links(shape, move.parents))
    for source, move in moves:
        links.setdefault(move.into, _links_of_source(scenario, source, move))
    return links


def _links_of_source(scenario: Scenario, source: Drawn, move: Move) -> Links:
    """Return the foreign keys of a source in the names of the target."""
    names = {other.table: other.into for other in scenario.moves[source.file]}
    return _links(scenario.shapes[move.table], names) if source.declared else {}


def _links(shape: Shape, names: dict[str, str]) -> Links:
    return {link.columns: (names.get(link.parent, link.parent), link.to) for link in shape.links}


def strays(
    scenario: Scenario, sources: dict[str, Contents], before: Contents, after: Contents
) -> Iterator[tuple[str, str]]:
    """Yield each row that must not arrive or stay as it is, with the reason."""
    yield from _strays_of_sources(scenario, sources, after)
    yield from _strays_of_target(scenario, before, after)
    yield from _rows_without_parent(scenario, sources, after)


def _strays_of_sources(scenario: Scenario, sources: dict[str, Contents], after: Contents) -> Iterator[tuple[str, str]]:
    """Yield each child of a source that does not reach the row that its parent became."""
    declared = declared_links(scenario)
    for source in scenario.sources:
        contents = sources[source.file]
        moves = {move.table: move for move in scenario.moves[source.file]}
        for move in moves.values():
            for link in scenario.shapes[move.table].links:
                referred = declared[move.into].get(link.columns)
                parent = moves.get(link.parent)
                if not source.declared and (
                    referred is None or referred[0] not in (link.parent, parent.into if parent else "")
                ):
                    continue  # nothing tells which rows of the source are meant
                if referred is None:
                    referred = (parent.into, link.to) if parent else None
                if referred is None or referred[0] not in after or not contents[link.parent]:
                    continue
                for row in contents[move.table]:
                    if any(_same(row, other) for other in after[move.into]):
                        reason = _follow(scenario, link, row, contents, moves, after[referred[0]], referred[0])
                        if reason:
                            yield f"{source.file}:{move.table}", f"{link.columns} of {row}: {reason}"


def _strays_of_target(scenario: Scenario, before: Contents, after: Contents) -> Iterator[tuple[str, str]]:
    """Yield each child of the target that loses its parent, gets one, or gets another one."""
    for name, shape in scenario.shapes.items() if scenario.target and scenario.target.declared else ():
        for link in shape.links:
            parents = before[link.parent]
            for row in before[name] if parents else ():
                if not any(_same(row, other) for other in after[name]):
                    continue
                parent_shape = scenario.shapes[link.parent]
                was, now = (_find(parent_shape, link, row, rows) for rows in (parents, after[link.parent]))
                others = [other for other in parents if other is not was and now and _clash(parent_shape, other, now)]
                if (was is None) != (now is None) or (was and now and not _same(was, now) and others):
                    yield f"target.db:{name}", f"{link.columns} of {row}: {was} is now {now}"


def _rows_without_parent(
    scenario: Scenario, sources: dict[str, Contents], after: Contents
) -> Iterator[tuple[str, str]]:
    """Yield each row without a parent by a foreign key that its source does not declare."""
    declared = declared_links(scenario)
    for source in scenario.sources:
        for move in scenario.moves[source.file]:
            in_source = _links_of_source(scenario, source, move)
            for link in scenario.shapes[move.table].links:
                referred = declared[move.into].get(link.columns)
                if referred is None or in_source.get(link.columns) == referred:
                    continue
                shape, parents = scenario.shapes[link.parent], after.get(referred[0], [])
                for row in sources[source.file][move.table]:
                    is_kept = any(_same(row, other) for other in after[move.into])
                    is_null = any(row[column] is None for column in link.columns)
                    if is_kept and not is_null and _find(shape, link, row, parents) is None:
                        yield f"{source.file}:{move.table}", f"{link.columns} of {row}: no parent in {referred[0]}"


def _follow(
    scenario: Scenario,
    link: Link,
    row: Row,
    contents: Contents,
    moves: dict[str, Move],
    reached_rows: list[Row],
    reached: str,
) -> str:
    """Return why a row does not reach the row that its parent became, or an empty text."""
    was, now = (_find(scenario.shapes[link.parent], link, row, rows) for rows in (contents[link.parent], reached_rows))
    parent = moves.get(link.parent)
    if was is None and now is None:
        return ""
    if was is None or now is None:
        return f"{was} in the source, {now} in the target"
    if parent is not None and parent.into != reached:
        return f"the parent went to {parent.into}, and {reached} is reached"
    return "" if _same(was, now) else f"{was} is now {now}"


def _find(shape: Shape, link: Link, row: Row, rows: list[Row]) -> Row | None:
    collation = shape.collation(link.to)
    return next(
        (
            other
            for other in rows
            if all(_equal(row[c], other[to], collation) for c, to in zip(link.columns, link.to, strict=True))
        ),
        None,
    )


def triggers_on_others(scenario: Scenario, root: Path, sources: dict[str, Contents], before: Contents) -> list[str]:
    """Return each trigger of a created table that deletes rows of other databases."""
    if scenario.trigger is None:
        return []
    movers: dict[str, set[str]] = {}
    owners: dict[str, set[str]] = {name: {"target.db"} for name, rows in before.items() if rows}
    for source in scenario.sources:
        for move in scenario.moves[source.file]:
            movers.setdefault(move.into, set()).add(source.file)
            if sources[source.file][move.table]:
                owners.setdefault(move.into, set()).add(source.file)
    with closing(sqlite3.connect(root / "target.db")) as con:
        created = con.execute("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    return [
        name
        for name, table, sql in created
        if table not in before
        for deleted in [sql.partition("DELETE FROM ")[2].split()[0].strip('"')]
        if deleted != table and owners.get(deleted, set()) - movers.get(table, set())
    ]
