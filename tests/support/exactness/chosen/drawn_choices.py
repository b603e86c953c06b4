"""Draw workspaces of which some rows move, and predict the target.

The oracle is plain Python over the drawn rows. It takes nothing from the engine.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.plan.model import Source, TableMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Row = tuple[Any, ...]
Rows = dict[Any, Row]
"""Primary key to row. The key of table l has two columns."""

Contents = dict[str, Rows]

COLUMNS = {"p": ("id", "kind", "tag", "at", "v"), "c": ("id", "p", "up", "tag", "at", "v"), "l": ("c", "p", "at", "v")}
CREATE = {
    "p": "CREATE TABLE p(id INTEGER PRIMARY KEY, kind TEXT COLLATE NOCASE, tag, at, v)",
    "c": "CREATE TABLE c(id INTEGER PRIMARY KEY, p INT REFERENCES p(id), up INT REFERENCES c(id), tag, at, v)",
    "l": "CREATE TABLE l(c INT REFERENCES c(id), p INT REFERENCES p(id), at, v, PRIMARY KEY(c, p)) WITHOUT ROWID",
}
REFERENCES = {"p": {}, "c": {"p": "p", "up": "c"}, "l": {"c": "c", "p": "p"}}
"""Table to its referring columns, and each to the table that it refers to."""

_POLICIES = ("refuse", "skip-identical", "prefer-target", "prefer-source", "prefer-newer", "prefer-newer")


def _number(value: Any) -> float:
    return value if isinstance(value, int) else 0


_CONDITIONS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "v > 2": lambda row: row["v"] is not None and (isinstance(row["v"], str) or row["v"] > 2),
    "v": lambda row: bool(_number(row["v"])),
    "at IS NOT NULL OR v = 'x'": lambda row: row["at"] is not None or row["v"] == "x",
    "typeof(at) = 'integer' AND at % 2": lambda row: isinstance(row["at"], int) and bool(row["at"] % 2),
    "NOT (v <> 1)": lambda row: row["v"] == 1 and isinstance(row["v"], int),
}
_OF_KIND: dict[str, Callable[[dict[str, Any]], bool]] = {
    "kind = 'a'": lambda row: (row["kind"] or "").lower() == "a",
    "kind > 'A' -- by its collation": lambda row: (row["kind"] or "").lower() > "a",
}


@dataclass(frozen=True)
class Choice:
    """Hold how the plan moves one table of one source."""

    policy: str
    where: str
    follows: tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """Hold one source with its rows and the plan of each table."""

    name: str
    encoding: str
    rows: Contents
    choices: dict[str, Choice]


@dataclass(frozen=True)
class Scenario:
    """Hold a workspace. There is no target if ``target`` is None.

    Attributes:
        renumbers: Whether rows get new keys. Their tags then tell which row is which.
    """

    target: Contents | None
    sources: list[Drawn] = field(default_factory=list)
    renumbers: bool = False


class RefusedError(Exception):
    """Say that the plan has to be refused."""


def draw(seed: int) -> Scenario:
    """Draw a workspace."""
    drawing = random.Random(seed)  # noqa: S311 -- the workspaces of a seed have to be the same each time
    renumbers = drawing.random() < 0.25
    target = _rows(drawing, range(1, 7), 0.0) if drawing.random() < 0.7 else None
    sources = []
    for name in "ab"[: drawing.choice((1, 1, 2))]:
        careful = drawing.random() < 0.75  # the rows refer to rows of the source, and a policy is stated where needed
        choices = {table: _choice(drawing, table, careful=careful) for table in CREATE}
        if renumbers:
            choices = {table: replace(choice, policy="refuse") for table, choice in choices.items()}
        start = 1 if drawing.random() < 0.6 else 20 if name == "a" else 40
        rows = _rows(drawing, range(start, start + 7), 0.0 if careful else 0.15)
        if careful and target and drawing.random() < 0.6:
            _make_alike(drawing, rows, target)
        encoding = "UTF-16le" if drawing.random() < 0.2 else "UTF-8"
        sources.append(Drawn(name, encoding, rows, choices))
    for name, rows in [("t", target or {}), *((source.name, source.rows) for source in sources)]:
        for table in rows.keys() & {"p", "c"} if renumbers else ():
            place = COLUMNS[table].index("tag")
            rows[table] = {key: (*row[:place], f"{name}{key}", *row[place + 1 :]) for key, row in rows[table].items()}
    return Scenario(target, sources, renumbers)


def _choice(drawing: random.Random, table: str, *, careful: bool) -> Choice:
    policy = drawing.choice(_POLICIES[careful:])
    conditions = [*_CONDITIONS, *(_OF_KIND if table == "p" else ())]
    where = drawing.choice(conditions) if drawing.random() < 0.45 else ""
    parents = list(dict.fromkeys(REFERENCES[table].values()))
    follows = [parent for parent in parents if drawing.random() < (0.9 if careful else 0.5)]
    return Choice(policy, where, tuple(follows))


def _rows(drawing: random.Random, ids: range, dangling: float) -> Contents:
    rows: Contents = {table: {} for table in CREATE}

    def reference(table: str) -> Any:
        if drawing.random() < dangling:
            return drawing.choice((0, -1, 3, 25, 77))
        return drawing.choice([None, *rows[table]]) if table == "c" else drawing.choice([None, *ids])

    for key in ids:
        at, v = drawing.choice((1, 2, 3, 4, 5, 6, 6, None, "t")), drawing.choice((0, 1, 2, 3, 4, None, "x"))
        if drawing.random() < 0.85 or not dangling:
            rows["p"][key] = (key, drawing.choice(("a", "A", "b", None)), None, at, v)
    for key in ids:
        if drawing.random() < 0.8:
            rows["c"][key] = (
                key,
                reference("p"),
                reference("c"),
                None,
                drawing.randint(1, 9),
                drawing.choice((0, 1, 3, "x")),
            )
    for _ in range(5):
        child, parent = drawing.choice([*rows["c"], ids[0]]), drawing.choice(ids)
        if dangling or child in rows["c"]:
            rows["l"][child, parent] = (child, parent, drawing.randint(1, 9), drawing.choice((0, 1, 3, None)))
    return rows


def _make_alike(drawing: random.Random, rows: Contents, target: Contents) -> None:
    """Make most rows under equal keys equal, but for the column that tells which is newer."""
    for table, held in target.items():
        for key in set(held) & set(rows[table]):
            if drawing.random() < 0.8:
                at = COLUMNS[table].index("at")
                row = list(held[key])
                if drawing.random() < 0.5:
                    row[at] = drawing.randint(1, 9)
                    row[-1] = drawing.choice((0, 1, 3, "x"))
                rows[table][key] = tuple(row)


def write(scenario: Scenario, root: Path) -> None:
    """Write the databases of a workspace."""
    if scenario.target is not None:
        _write(root / "target.db", "UTF-8", scenario.target)
    for source in scenario.sources:
        _write(root / f"{source.name}.db", source.encoding, source.rows)


def _write(path: Path, encoding: str, rows: Contents) -> None:
    with closing(sqlite3.connect(path)) as con, con:
        con.execute(f"PRAGMA encoding = '{encoding}'")
        for table, create in CREATE.items():
            con.execute(create)
            marks = ", ".join("?" for _ in COLUMNS[table])
            con.executemany(f"INSERT INTO {table} VALUES({marks})", rows[table].values())


def read(path: Path) -> Contents:
    """Return the rows of a target."""
    with closing(sqlite3.connect(path)) as con:
        return {table: _keyed(table, con.execute(f"SELECT * FROM {table}")) for table in CREATE}


def _keyed(table: str, rows: Iterator[Row]) -> Rows:
    return {(row[:2] if table == "l" else row[0]): row for row in rows}


def planned(scenario: Scenario) -> list[Source]:
    """Return the sources as a plan has them."""
    keys = "renumber" if scenario.renumbers else "keep"
    maps = [[_table_map(table, source.choices[table]) for table in CREATE] for source in scenario.sources]
    parts = zip(scenario.sources, maps, strict=True)
    return [
        Source.model_validate({"name": source.name, "file": f"{source.name}.db", "keys": keys, "table": tables})
        for source, tables in parts
    ]


def _table_map(table: str, choice: Choice) -> TableMap:
    keys: dict[str, Any] = {"name": table, "on_conflict": choice.policy, "follows": choice.follows}
    keys |= {"newer": "at"} if choice.policy == "prefer-newer" else {}
    keys |= {"where": choice.where, "reason": "drawn"} if choice.where else {}
    return TableMap.model_validate(keys)


def predict(scenario: Scenario) -> Contents:
    """Return the rows of the target after an accepted run.

    Raises:
        RefusedError: Rows clash, cannot be compared, or would reach other rows.
    """
    rows: Contents = {table: dict((scenario.target or {}).get(table, {})) for table in CREATE}
    moved = [_moved(source) for source in scenario.sources]
    for source, of_source in zip(scenario.sources, moved, strict=True):
        for table, choice in source.choices.items():
            for key, row in of_source[table].items():
                rows[table][key] = _staying(table, choice, rows[table].get(key), row)
    for source, of_source in zip(scenario.sources, moved, strict=True):
        for table in CREATE:
            for key, row in of_source[table].items():
                if _same(rows[table][key], row):
                    _require_own_parents(source, table, row, rows)
    return rows


def described(rows: Contents) -> dict[str, list[str]]:
    """Return rows with the tags of the rows that they reach in place of keys."""
    tags = {table: {key: row[COLUMNS[table].index("tag")] for key, row in rows[table].items()} for table in ("p", "c")}
    texts: dict[str, list[str]] = {table: [] for table in CREATE}
    for table, of_table in rows.items():
        for row in of_table.values():
            values = dict(zip(COLUMNS[table], row, strict=True))
            values.pop("id", None)
            for column, parent in REFERENCES[table].items():
                key = values[column]
                none = "a number up to 0" if key is not None and key <= 0 else "no row"
                values[column] = None if key is None else tags[parent].get(key, none)
            texts[table].append(repr(values))
    return {table: sorted(of_table) for table, of_table in texts.items()}


def predict_renumbered(scenario: Scenario) -> dict[str, list[str]]:
    """Return the described rows of the target after an accepted run with new keys.

    Raises:
        RefusedError: A row that moves refers to a row that stays behind.
    """
    parts = [described(scenario.target)] if scenario.target else []
    for source in scenario.sources:
        moved = _moved(source)
        for table, rows in moved.items():
            for row in rows.values():
                for column, parent in REFERENCES[table].items():
                    value = row[COLUMNS[table].index(column)]
                    if value in source.rows[parent] and value not in moved[parent]:
                        raise RefusedError("stray")
        parts.append(described(moved))
    return {table: sorted(text for part in parts for text in part[table]) for table in CREATE}


def _moved(source: Drawn) -> Contents:
    """Return the rows that ``where`` and ``follows`` choose."""
    chosen = {
        table: {key: row for key, row in rows.items() if _holds(source.choices[table].where, table, row)}
        for table, rows in source.rows.items()
    }
    while True:
        left = [
            (table, key)
            for table, rows in chosen.items()
            for key, row in rows.items()
            if not all(_follows(source, chosen, table, row, name) for name in REFERENCES[table])
        ]
        if not left:
            return chosen
        for table, key in left:
            del chosen[table][key]


def _holds(where: str, table: str, row: Row) -> bool:
    values = dict(zip(COLUMNS[table], row, strict=True))
    return not where or (_CONDITIONS | _OF_KIND)[where](values)


def _follows(source: Drawn, chosen: Contents, table: str, row: Row, column: str) -> bool:
    parent, value = REFERENCES[table][column], row[COLUMNS[table].index(column)]
    if parent not in source.choices[table].follows or value is None or value in chosen[parent]:
        return True
    return value <= 0 and value not in source.rows[parent]


def _staying(table: str, choice: Choice, existing: Row | None, row: Row) -> Row:
    if existing is None or _same(existing, row):
        if existing is not None and choice.policy == "refuse":
            raise RefusedError("clash")
        return row
    if choice.policy in ("refuse", "skip-identical"):
        raise RefusedError("clash")
    if choice.policy != "prefer-newer":
        return row if choice.policy == "prefer-source" else existing
    place = COLUMNS[table].index("at")
    ours, theirs = row[place], existing[place]
    if not _are_comparable(ours, theirs) or ours == theirs:
        raise RefusedError("newer")
    return row if ours > theirs else existing


def _are_comparable(left: Any, right: Any) -> bool:
    """Return whether two values are numbers, or of one other storage class."""
    return all(type(value) in (int, float) for value in (left, right)) or (
        left is not None and type(left) is type(right)
    )


def _is_newer(table: str, row: Row | None, other: Row | None) -> bool:
    place = COLUMNS[table].index("at")
    if row is None or other is None or row[place] is None:
        return False
    return _are_comparable(row[place], other[place]) and bool(other[place] > row[place])


def _same(row: Row, other: Row) -> bool:
    return [(type(value), value) for value in row] == [(type(value), value) for value in other]


def _require_own_parents(source: Drawn, table: str, row: Row, after: Contents) -> None:
    for column, parent in REFERENCES[table].items():
        value = row[COLUMNS[table].index(column)]
        if value is None:
            continue
        before, reached = source.rows[parent].get(value), after[parent].get(value)
        is_newer = source.choices[parent].policy == "prefer-newer" and _is_newer(parent, before, reached)
        if before is None:
            if reached is not None and source.rows[parent]:
                raise RefusedError("adopted")
        elif reached is None or not (is_newer or _same(before, reached)):
            raise RefusedError("stray")
