"""Draw workspaces whose tables refer to each other, with plans of every kind."""

from __future__ import annotations

import random
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

Row = dict[str, Any]
KINDS = ("number", "number", "number", "text", "nocase", "pair", "link")
POLICIES = ("refuse", "prefer-target", "prefer-source", "prefer-source", "skip-identical")


@dataclass(frozen=True)
class Link:
    """Hold a foreign key of a drawn table."""

    columns: tuple[str, ...]
    parent: str
    to: tuple[str, ...]


@dataclass
class Shape:
    """Hold a drawn table.

    Attributes:
        kind: What its primary key is. A ``link`` has the columns of its first two references as its key.
        coded: Whether it has a second unique column.
        loose: Whether referring columns have no type, and refer to numbers by texts.
    """

    name: str
    kind: str
    coded: bool
    loose: bool
    links: list[Link] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns of the primary key."""
        if self.kind == "link":
            return self.links[0].columns[0], self.links[1].columns[0]
        return ("a", "b") if self.kind == "pair" else ("id",)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns."""
        key = () if self.kind == "link" else self.key
        return (*key, *(("code",) if self.coded else ()), *(c for link in self.links for c in link.columns), "v")

    @property
    def unique(self) -> list[tuple[str, ...]]:
        """Return the columns of each unique key."""
        return [self.key, *([("code",)] if self.coded else [])]

    def collation(self, columns: tuple[str, ...]) -> str:
        """Return the collation of a unique key."""
        return "NOCASE" if self.kind == "nocase" and columns == ("id",) else "BINARY"

    def create(self, name: str, parents: dict[str, str], *, declared: bool = True) -> str:
        """Return the statement of the table under a name.

        Args:
            name: The name.
            parents: Table to the name that foreign keys use for it.
            declared: Whether the foreign keys are declared.
        """
        types = {"number": "INTEGER", "text": "TEXT", "nocase": "TEXT COLLATE NOCASE"}
        parts = []
        if self.kind in types:
            parts.append(f"id {types[self.kind]} PRIMARY KEY")
        elif self.kind == "pair":
            parts += ["a INTEGER", "b INTEGER"]
        parts += ["code TEXT UNIQUE"] if self.coded else []
        parts += [f"{c} {'' if self.loose else 'NUMERIC'}" for link in self.links for c in link.columns]
        parts.append("v")
        if self.kind in ("pair", "link"):
            parts.append(f"PRIMARY KEY({', '.join(self.key)})")
        for link in self.links if declared else ():
            to = f"({', '.join(link.to)})"
            parts.append(
                f"FOREIGN KEY({', '.join(link.columns)}) REFERENCES {parents.get(link.parent, link.parent)}{to}"
            )
        return f"CREATE TABLE {name}({', '.join(parts)})"


@dataclass
class Drawn:
    """Hold one drawn database.

    Attributes:
        rows: Table to its rows. A table that is not a key does not exist.
        declared: Whether it declares its foreign keys.
    """

    file: str
    rows: dict[str, list[Row]]
    declared: bool = True
    encoding: str = "UTF-8"


@dataclass
class Move:
    """Hold what the plan says about one table of one source.

    Attributes:
        create: The text of ``create``. Empty for none.
        parents: Table to the name that the foreign keys of ``create`` use for it. None if it declares none.
    """

    table: str
    into: str
    policy: str
    create: str = ""
    parents: dict[str, str] | None = None


@dataclass
class Scenario:
    """Hold a drawn workspace and its plan.

    Attributes:
        trigger: Table of a trigger that deletes rows, and the table of these rows. Empty for none.
    """

    shapes: dict[str, Shape]
    sources: list[Drawn]
    target: Drawn | None
    moves: dict[str, list[Move]]
    trigger: tuple[str, str] | None


def draw(seed: int) -> Scenario:
    """Draw a workspace and its plan."""
    chance = random.Random(seed)  # noqa: S311 -- repeatable, and no secret
    shapes = _shapes(chance)
    pool = {name: _pool(chance, shapes, shape) for name, shape in shapes.items()}
    is_newer = chance.random() < 0.25  # one source with newer versions of rows of the target
    is_apart = not is_newer and chance.random() < 0.5
    number = 1 if is_newer else 10 if chance.random() < 0.02 else chance.randint(1, 3)
    sources = [
        Drawn(
            f"s{at}.db",
            _rows(chance, shapes, pool, shift=10 * (at + 1) if is_apart else 0),
            declared=chance.random() < 0.75,
            encoding="UTF-16le" if chance.random() < 0.15 else "UTF-8",
        )
        for at in range(number)
    ]
    target = None
    if is_newer or chance.random() < 0.8:
        target = Drawn("target.db", _rows(chance, shapes, pool, shift=0), declared=chance.random() < 0.9)
    trigger = (chance.choice([*shapes]), chance.choice([*shapes])) if chance.random() < 0.4 else None
    policies = {name: "prefer-source" if is_newer else chance.choice(POLICIES) for name in shapes}
    stated = {name for name in shapes if target is None and chance.random() < 0.15}
    moves = {source.file: _moves(chance, shapes, source, policies, stated, is_newer=is_newer) for source in sources}
    return Scenario(shapes, sources, target, moves, trigger)


def _shapes(chance: random.Random) -> dict[str, Shape]:
    names = [f"t{at}" for at in range(chance.randint(2, 4))]
    shapes = {name: Shape(name, chance.choice(KINDS), chance.random() < 0.5, chance.random() < 0.2) for name in names}
    shapes[names[0]].kind = "number"  # each workspace has a key that a link can refer to
    for shape in shapes.values():
        wanted = 2 if shape.kind == "link" else chance.choice([0, 1, 1, 2])
        for at in range(wanted):
            choices = [n for n in names if shapes[n].kind not in ("pair", "link")] if shape.kind == "link" else names
            parent = shapes[chance.choice([n for n in choices if shapes[n].kind != "link"])]
            by_code = parent.coded and chance.random() < 0.4
            to = ("code",) if by_code else parent.key
            shape.links.append(Link(tuple(f"r{at}{part}" for part in "xy"[: len(to)]), parent.name, to))
    return shapes


def _key_values(chance: random.Random, shape: Shape, columns: tuple[str, ...]) -> tuple[Any, ...]:
    if columns == ("code",):
        return (chance.choice("pqrs"),)
    if shape.kind == "pair":
        return chance.randint(1, 2), chance.randint(1, 2)
    if shape.kind == "number":
        return (chance.randint(1, 4),)
    return (chance.choice("abcd" if shape.kind == "text" else "abCD"),)


def _pool(chance: random.Random, shapes: dict[str, Shape], shape: Shape) -> list[Row]:
    """Draw the rows from which each database takes some, so that databases have equal ones."""
    return [_row(chance, shapes, shape) for _ in range(5)]


def _row(chance: random.Random, shapes: dict[str, Shape], shape: Shape) -> Row:
    row: Row = {}
    if shape.kind != "link":
        row |= zip(shape.key, _key_values(chance, shape, shape.key), strict=True)
    if shape.coded:
        row["code"] = chance.choice(["p", "q", "r", "s", None])
    for link in shape.links:
        values = _key_values(chance, shapes[link.parent], link.to)
        if chance.random() < 0.15 and shape.kind != "link":
            values = (None, *values[1:])
        row |= zip(link.columns, values, strict=True)
    row["v"] = chance.choice(["x", "y", 1, 1.0])
    return row


def _rows(
    chance: random.Random, shapes: dict[str, Shape], pool: dict[str, list[Row]], *, shift: int
) -> dict[str, list[Row]]:
    """Draw the rows of a database, with keys that may be shifted."""
    rows: dict[str, list[Row]] = {}
    for name, shape in shapes.items():
        drawn = [row for row in pool[name] if chance.random() < 0.7]
        drawn += [_row(chance, shapes, shape) for _ in range(chance.choice([0, 0, 1, 2]))]
        rows[name] = [_shifted(shapes, shape, dict(row), shift) for row in drawn]
    if chance.random() < 0.7:  # most databases keep their foreign keys
        _remove_orphans(chance, shapes, rows)
    return rows


def _shifted(shapes: dict[str, Shape], shape: Shape, row: Row, shift: int) -> Row:
    keys = [] if shape.kind == "link" else [*shape.key]
    columns = [*keys, *(["code"] if shape.coded else []), *(c for link in shape.links for c in link.columns)]
    for column in columns if shift else ():
        value = row[column]
        if isinstance(value, int):
            row[column] = value + shift
        elif value is not None:
            row[column] = f"{value}{shift}"
    if shape.loose:
        for link in shape.links:
            numeric = shapes[link.parent].kind in ("number", "pair")
            for column in link.columns if numeric and link.to != ("code",) else ():
                row[column] = None if row[column] is None else str(row[column])
    return row


def _remove_orphans(chance: random.Random, shapes: dict[str, Shape], rows: dict[str, list[Row]]) -> None:
    """Set references without a row to NULL, or remove rows that cannot have one."""
    for name, shape in shapes.items():
        for link in shape.links:
            present = [tuple(row[column] for column in link.to) for row in rows[link.parent]]
            for row in [*rows[name]]:
                values = tuple(row[column] for column in link.columns)
                if None in values or any(
                    all(_equal(a, b, shapes[link.parent].collation(link.to)) for a, b in zip(values, key, strict=True))
                    for key in present
                ):
                    continue
                if shape.kind == "link" or chance.random() < 0.2:
                    rows[name].remove(row)
                else:
                    row[link.columns[0]] = None


def _equal(value: Any, key: Any, collation: str) -> bool:
    if isinstance(key, int) and isinstance(value, str) and value.isdigit():
        value = int(value)
    if collation == "NOCASE" and isinstance(value, str) and isinstance(key, str):
        return value.lower() == key.lower()
    return bool(value == key)


def _moves(
    chance: random.Random,
    shapes: dict[str, Shape],
    source: Drawn,
    policies: dict[str, str],
    stated: set[str],
    *,
    is_newer: bool,
) -> list[Move]:
    """Draw the mappings of a source.

    Args:
        chance: The generator.
        shapes: The tables.
        source: The source.
        policies: Table to the policy that a source may have for it.
        stated: Tables for which each source that merges them has a ``create`` text.
        is_newer: Whether it has newer versions of rows of the target, and each table is merged or left.
    """
    manner = "newer" if is_newer else chance.choice(["merged", "merged", "apart", "mixed", "mixed"])
    prefix = source.file.removesuffix(".db")
    moves = []
    for name in chance.sample([*shapes], len(shapes)):
        how = {"merged": "merge", "apart": "apart"}.get(manner) or chance.choice(
            ["merge", "merge", "leave" if is_newer else "apart", "leave"]
        )
        if how == "leave":
            continue
        into = name if how == "merge" else f"{prefix}_{name}"
        policy = policies[name] if how == "merge" and chance.random() < 0.8 else "refuse"
        moves.append(Move(name, into, policy))
    names = {move.table: move.into for move in moves}
    for move in moves:
        is_merged = move.into == move.table
        kind = chance.random()
        if (is_merged and move.table in stated) or (not is_merged and kind < 0.15):
            move.parents = {} if is_merged else names
        if move.parents is not None or (not is_merged and kind > 0.85):
            declared = move.parents is not None
            move.create = shapes[move.table].create(move.into, move.parents or {}, declared=declared)
    return moves


def write(scenario: Scenario, root: Path) -> None:
    """Write the databases of a workspace."""
    for database in [*scenario.sources, *([scenario.target] if scenario.target else [])]:
        with closing(sqlite3.connect(root / database.file, isolation_level=None)) as con:
            con.execute(f"PRAGMA encoding='{database.encoding}'")
            con.execute("PRAGMA synchronous=OFF")
            con.execute("BEGIN")
            for name, rows in database.rows.items():
                con.execute(scenario.shapes[name].create(name, {}, declared=database.declared))
                for row in rows:
                    with suppress(sqlite3.IntegrityError):  # a key that is there already
                        con.execute(
                            f"INSERT INTO {name}({', '.join(row)}) VALUES({', '.join('?' for _ in row)})",
                            [*row.values()],
                        )
            if scenario.trigger and database is not scenario.target:
                on, deleted = scenario.trigger
                con.execute(
                    f"CREATE TRIGGER gone AFTER DELETE ON {on} BEGIN DELETE FROM {deleted} WHERE v = old.v; END"
                )
            con.execute("COMMIT")
