"""Draw workspaces whose databases have the same things under other ids."""

from __future__ import annotations

import random
import re
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.plan.model import Source, TableMap

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

Row = dict[str, Any]
Contents = dict[str, list[Row]]

TARGET = "target.db"
_COLLATIONS = ("", "", " COLLATE NOCASE", " COLLATE RTRIM")
_NAMES = ("a", "b", "c", "d", "e", "f", "g", "h", "A", "B", "a ", "1", 1, 1.0, 2, b"x", None)
_NOTES = ("n", "n", "n", "m", None, 1, 1.0, 0.0, -0.0)


@dataclass(frozen=True)
class Shape:
    """Hold one table.

    Attributes:
        key: Column of the primary key, or empty without a key of one column.
        match: Columns that match. Empty if rows are only moved.
        collations: Collation of each column that has one.
        refers: Referring column to the referred table.
        unique: Columns of a further unique key.
        renumbered: Whether the rows get new keys.
        stated: Whether the plan states the references, and no FOREIGN KEY does.
        sql: The CREATE TABLE statement.
    """

    name: str
    columns: tuple[str, ...]
    key: str = "id"
    match: tuple[str, ...] = ()
    policy: str = "skip-identical"
    collations: dict[str, str] = field(default_factory=dict)
    refers: dict[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ()
    renumbered: bool = True
    stated: bool = False
    sql: str = ""


@dataclass(frozen=True)
class Drawn:
    """Hold a workspace.

    Attributes:
        shapes: The tables, parents first.
        contents: The rows of each file, the target first.
    """

    shapes: dict[str, Shape]
    contents: dict[str, Contents]

    @property
    def sources(self) -> list[str]:
        """Return the source files in the order of the plan."""
        return [file for file in self.contents if file != TARGET]


def draw(seed: int) -> Drawn:
    """Draw the workspace of a seed."""
    rng = random.Random(seed)  # noqa: S311 -- reproducible, and no secret
    shapes = {shape.name: _stated(shape) if rng.random() < 0.2 else shape for shape in _shapes(rng)}
    files = [TARGET, *(f"s{number}.db" for number in range(rng.randint(1, 3)))]
    same = rng.random() < 0.6
    notes = ("n",) if same else _NOTES
    names = rng.sample(_NAMES, 8)
    return Drawn(shapes, {file: _rows(rng, shapes, names, notes, number) for number, file in enumerate(files)})


def _shapes(rng: random.Random) -> list[Shape]:
    renumbered = rng.random() < 0.75
    policy = rng.choice(("skip-identical", "skip-identical", "prefer-target", "prefer-source"))
    coll = rng.choice(_COLLATIONS)
    unique = rng.random() < 0.3
    site = _shape("site", {"code": coll, "note": ""}, match=("code",), policy=policy, renumbered=renumbered)
    if unique:
        site = _shape(
            "site", {"code": coll, "note": ""}, match=("code",), policy=policy, renumbered=renumbered, unique=("code",)
        )
    shapes = [site]
    if rng.random() < 0.6:
        tree = {"parent": "tag"} | ({"site": "site"} if rng.random() < 0.3 else {})
        match = ("name", "parent", *(["site"] if "site" in tree and rng.random() < 0.5 else []))
        columns = {"name": rng.choice(_COLLATIONS), **dict.fromkeys(tree, ""), "note": ""}
        shapes.append(_shape("tag", columns, match=match, policy=policy, refers=tree, renumbered=renumbered))
    parents = [shape.name for shape in shapes]
    if rng.random() < 0.6:
        refers = {"a": rng.choice(parents), "b": rng.choice(parents)}
        columns = {"a": "", "b": "", "note": ""}
        if rng.random() < 0.5:
            shapes.append(_shape("link", columns, key="", match=("a", "b"), refers=refers, primary="a, b"))
        else:
            shapes.append(
                _shape("link", columns, match=("b", "a"), policy=policy, refers=refers, renumbered=renumbered)
            )
        parents += ["link"] if shapes[-1].key else []
    if rng.random() < 0.7:
        refers = {"of": rng.choice(parents), "up": "event"}
        shapes.append(_shape("event", {"of": "", "up": "", "note": ""}, refers=refers, renumbered=renumbered))
    if rng.random() < 0.5:
        refers = {"of": rng.choice(parents)}
        shapes.append(_shape("log", {"of": "", "note": ""}, key="", match=("*",), refers=refers))
    return shapes


def _shape(name: str, columns: dict[str, str], *, primary: str = "", key: str = "id", **keys: Any) -> Shape:
    refers, unique = keys.get("refers", {}), keys.get("unique", ())
    parts = [f"{key} INTEGER PRIMARY KEY"] if key else []
    parts += [f"{column}{' INTEGER' if column in refers else ''}{collation}" for column, collation in columns.items()]
    parts += [f"PRIMARY KEY ({primary})"] if primary else []
    parts += [f"UNIQUE ({', '.join(unique)})"] if unique else []
    parts += [f"FOREIGN KEY ({column}) REFERENCES {parent}(id)" for column, parent in refers.items()]
    collations = {column: text.split()[-1] for column, text in columns.items() if text}
    every = (*([key] if key else []), *columns)
    sql = f"CREATE TABLE {name}({', '.join(parts)})"
    return Shape(name, every, key=key, collations=collations, sql=sql, **keys)


def _stated(shape: Shape) -> Shape:
    """Return a table whose references only the plan states."""
    sql = re.sub(r", FOREIGN KEY \(\w+\) REFERENCES \w+\(id\)", "", shape.sql)
    return replace(shape, stated=bool(shape.refers), sql=sql)


def _rows(
    rng: random.Random, shapes: dict[str, Shape], names: list[Any], notes: tuple[Any, ...], number: int
) -> Contents:
    low = (
        1 if any(shape.renumbered for shape in shapes.values() if shape.key) and rng.random() < 0.8 else 1 + 40 * number
    )
    contents: Contents = {}
    for shape in shapes.values():
        ids = rng.sample(range(low, low + 14), rng.randint(0, 6))
        rows: list[Row] = []
        pool = list(names)
        rng.shuffle(pool)
        for place, key in enumerate(ids):
            row: Row = {shape.key: key} if shape.key else {}
            for column in shape.columns:
                if column in shape.refers:
                    parent = shape.refers[column]
                    keys = ids[:place] if parent == shape.name else [each["id"] for each in contents[parent]]
                    if rng.random() < 0.03 and parent == shape.name:
                        keys = ids  # there may be a circle
                    row[column] = rng.choice(keys) if keys and rng.random() < 0.8 else None
                elif column in ("code", "name"):
                    row[column] = pool[place] if rng.random() < 0.97 else rng.choice(names)
                elif column == "note":
                    row[column] = rng.choice(notes)
            rows.append(row)
        if shape.name == "link":
            rows = list({(row["a"], row["b"]): row for row in rows}.values())
            if not shape.key:
                rows = [row for row in rows if None not in (row["a"], row["b"])]
        contents[shape.name] = _distinct(rows, shape)
    return contents


def _distinct(rows: list[Row], shape: Shape) -> list[Row]:
    """Drop rows that the unique key of the table refuses."""
    if not shape.unique:
        return rows
    kept: dict[Any, Row] = {}
    for row in rows:
        value = row[shape.unique[0]]
        text = value.lower().rstrip() if isinstance(value, str) else value
        kept.setdefault(id(row) if value is None else text, row)
    return list(kept.values())


def write(drawn: Drawn, root: Path) -> None:
    """Create the databases."""
    for file, contents in drawn.contents.items():
        with closing(sqlite3.connect(root / file, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous=OFF")
            con.execute("BEGIN")
            for shape in drawn.shapes.values():
                con.execute(shape.sql)
                for row in contents[shape.name]:
                    places = ", ".join("?" for _ in row)
                    con.execute(f"INSERT INTO {shape.name}({', '.join(row)}) VALUES ({places})", list(row.values()))
            con.execute("COMMIT")


def planned(drawn: Drawn) -> list[Source]:
    """Return the sources of the plan."""
    return [
        Source.model_validate(
            {
                "name": file.removesuffix(".db"),
                "file": file,
                "table": [_map(shape) for shape in reversed(list(drawn.shapes.values()))],
            }
        )
        for file in drawn.sources
    ]


def _map(shape: Shape) -> TableMap:
    keys: dict[str, Any] = {"name": shape.name, "match": list(shape.match)}
    if shape.match and shape.match != ("*",) and shape.policy != "skip-identical":
        keys["on_conflict"] = shape.policy
    if shape.key and shape.renumbered:
        keys["keys"] = "renumber"
    if shape.stated:
        keys["refers"] = [{"column": column, "to": f"{parent}.id"} for column, parent in shape.refers.items()]
    if shape.name == "log":
        keys["rowids"] = "renumber"
    return TableMap.model_validate(keys)


def read(path: Path, drawn: Drawn) -> Contents:
    """Return the rows of the target."""
    with closing(sqlite3.connect(path)) as con:
        con.row_factory = sqlite3.Row
        return {name: [dict(row) for row in con.execute(f"SELECT * FROM {name}")] for name in drawn.shapes}
