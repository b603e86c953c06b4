"""Draw workspaces with equal ids, and resolve every reference by content.

References are declared, or stated by the plan: for all rows, or for rows of one kind.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.plan.model import Refers, Source, TableMap

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

Row = dict[str, Any]
Contents = dict[str, list[Row]]
References = dict[tuple[str, ...], tuple[str, tuple[str, ...]]]
Stated = dict[tuple[str, str], tuple[str, tuple[str, ...]]]

_KEYS = (
    "id INTEGER PRIMARY KEY",
    "id INTEGER PRIMARY KEY AUTOINCREMENT",
    "id INT NOT NULL PRIMARY KEY",
    "id BIGINT PRIMARY KEY NOT NULL",
)
_NONE = 999_999
"""A number by which an application refers to no row. No row of these workspaces gets it."""

_DEFERRED = ("", " DEFERRABLE INITIALLY DEFERRED", " ON DELETE CASCADE ON UPDATE SET NULL")


@dataclass
class Shape:
    """Hold one table.

    Attributes:
        refers: Columns of each reference, to the referred table and its columns.
        stated: Column and kind of each reference that only the plan states, to the referred table and its column. An
            empty kind means all rows.
        key: ``id``, or empty for a table without a key of one column.
        number: ``u`` for a table with a second unique column that is renumbered, or empty.
        none: Numbers that stand for no row in its references, beside those up to 0.
        sql: The CREATE TABLE statement.
        divided: That of the target in a workspace whose target tells the rows of files apart.
    """

    name: str
    refers: References = field(default_factory=dict)
    stated: Stated = field(default_factory=dict)
    key: str = "id"
    number: str = ""
    none: tuple[int, ...] = ()
    sql: str = ""
    divided: str = ""

    @property
    def columns(self) -> list[str]:
        """Return all columns but the label, the kind and the second number, the key first."""
        referring = [column for columns in self.refers for column in columns]
        stated = [column for column, _ in self.stated]
        return list(dict.fromkeys([*([self.key] if self.key else []), *referring, *stated]))

    @property
    def has_kinds(self) -> bool:
        """Return whether a reference depends on the kind of the row."""
        return any(kind for _, kind in self.stated)


@dataclass
class Keyed:
    """Hold a workspace.

    Attributes:
        shapes: The tables of every database, by name.
        files: Each source file, in the order of the plan.
        moved: Source file to the tables that are moved from it.
        contents: File to the rows of its tables. The target is among them if it exists.
        is_divided: Whether a constant column is part of all keys and references of the target.
    """

    shapes: dict[str, Shape]
    files: list[str]
    moved: dict[str, list[str]]
    contents: dict[str, Contents]
    is_divided: bool = False


def draw(seed: int) -> Keyed:
    """Draw the workspace of a seed."""
    rng = random.Random(seed)  # noqa: S311 -- reproducible, and no secret
    shapes = _shapes(rng)
    files = [f"s{number}.db" for number in range(rng.randint(1, 4))]
    contents = {file: _rows(rng, shapes, file) for file in [*files, *(["target.db"] if rng.random() < 0.8 else [])]}
    names = list(shapes)
    moved = {
        file: [name for name in names if rng.random() < 0.93 or shapes[name].key or shapes[name].stated]
        for file in files
    }
    for tables in moved.values():
        rng.shuffle(tables)
    is_divided = rng.random() < 0.3
    for rows in contents.get("target.db", {}).values() if is_divided else ():
        rows[:] = [{**row, "dev": "target"} for row in rows]
    return Keyed(shapes, files, moved, contents, is_divided)


def _shapes(rng: random.Random) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    names = [f"t{number}" for number in range(rng.randint(2, 5))]
    for name in names:
        shape = Shape(name)
        for number in range(rng.randint(0, 2)):
            shape.refers[f"r{number}",] = (rng.choice(names), ("id",))
        shapes[name] = shape
    if rng.random() < 0.4:  # one id in two tables
        shapes["same"] = Shape("same")
        shapes["same"].refers["id",] = (rng.choice(names), ("id",))
        names.append("same")
    if rng.random() < 0.5:
        pair: References = {("a",): (rng.choice(names), ("id",)), ("b",): (rng.choice(names), ("id",))}
        shapes["link"] = Shape("link", pair, key="")
    if rng.random() < 0.5:
        shapes["log"] = Shape("log", key="")
        shapes["log"].refers["r0",] = (rng.choice(names), ("id",))
    _add_stated(rng, shapes, names)
    composite = [shape for shape in shapes.values() if shape.name in names and ("r0",) in shape.refers]
    if composite and rng.random() < 0.5:
        parent = rng.choice(composite)
        shapes["pair"] = Shape("pair")
        shapes["pair"].refers["p", "q"] = (parent.name, ("id", "r0"))
    for shape in shapes.values():
        is_always_moved = bool(shape.key or shape.stated)  # else its numbers of none are taken in the target
        if is_always_moved and (shape.refers or shape.stated) and rng.random() < 0.35:
            shape.none = rng.choice(((_NONE,), (_NONE, _NONE + 1), (_NONE, rng.randint(1, 30))))
        unique = "pair" in shapes and shapes["pair"].refers["p", "q"][0] == shape.name
        shape.sql, shape.divided = _sql(rng, shape, unique=unique), _divided_sql(shape, unique=unique)
    return shapes


def _add_stated(rng: random.Random, shapes: dict[str, Shape], names: list[str]) -> None:
    """Add second numbers, references to them, and references that only the plan states."""
    for name in names:
        shapes[name].number = "u" if rng.random() < 0.3 and name != "same" else ""

    def end() -> tuple[str, tuple[str, ...]]:
        parent = rng.choice(names)
        return parent, (rng.choice(("id", shapes[parent].number or "id")),)

    for shape in list(shapes.values()):
        if shape.name != "link" and rng.random() < 0.4:
            shape.stated["x0", ""] = end()
        if shape.name != "link" and rng.random() < 0.3:
            shape.refers["y0",] = end()
        if shape.name != "link" and rng.random() < 0.3:
            shape.stated |= {("x1", "a"): end(), ("x1", "b"): end()}
    if rng.random() < 0.3:
        shapes["twin"] = Shape("twin")
        shapes["twin"].stated["id", ""] = (rng.choice(names), ("id",))


def _sql(rng: random.Random, shape: Shape, *, unique: bool) -> str:
    key = rng.choice(_KEYS) if shape.key else ""
    columns = [key] if key else []
    columns += [f"{name} {rng.choice(('INTEGER', 'INT', ''))}" for name in shape.columns if name != shape.key]
    columns += [f"{shape.number} INTEGER UNIQUE"] if shape.number else []
    columns += ["kind TEXT"] if shape.has_kinds else []
    columns.append("label TEXT")
    if shape.name == "link":
        columns.append("PRIMARY KEY (a, b)")
    columns += ["UNIQUE (id, r0)"] if unique else []
    for names, (parent, to) in shape.refers.items():
        columns.append(f"FOREIGN KEY ({', '.join(names)}) REFERENCES {parent}({', '.join(to)}){rng.choice(_DEFERRED)}")
    without = key and "AUTOINCREMENT" not in key and rng.random() < 0.3
    return f"CREATE TABLE {shape.name}({', '.join(columns)}){' WITHOUT ROWID' if without else ''}"


def _divided_sql(shape: Shape, *, unique: bool) -> str:
    """Return the statement with a further column in all keys and references."""
    columns = ["dev TEXT", *(f"{name} INTEGER" for name in shape.columns)]
    columns += [f"{shape.number} INTEGER"] if shape.number else []
    columns += ["kind TEXT"] if shape.has_kinds else []
    columns.append("label TEXT")
    columns += [f"UNIQUE (dev, {shape.number})"] if shape.number else []
    columns += ["PRIMARY KEY (dev, id)"] if shape.key else []
    columns += ["PRIMARY KEY (dev, a, b)"] if shape.name == "link" else []
    columns += ["UNIQUE (dev, id, r0)"] if unique else []
    for names, (parent, to) in shape.refers.items():
        columns.append(f"FOREIGN KEY (dev, {', '.join(names)}) REFERENCES {parent}(dev, {', '.join(to)})")
    return f"CREATE TABLE {shape.name}({', '.join(columns)})"


def _rows(rng: random.Random, shapes: dict[str, Shape], file: str) -> Contents:
    low = rng.choice((1, 1, 1, 0, -3, 50))
    keys = {name: rng.sample(range(low, low + 15), rng.randint(0, 7)) for name in shapes}
    for name, end in _shared_keys(shapes):
        keys[name] = [key for key in keys[end] if rng.random() < 0.6]
    numbers = {name: rng.sample(range(low, low + 15), 7) for name in shapes}
    ends: dict[tuple[str, tuple[str, ...]], list[int]] = {(name, ("id",)): keys[name] for name in shapes}
    ends |= {(name, ("u",)): numbers[name][: len(keys[name])] for name in shapes}
    contents: Contents = {}
    for shape in shapes.values():
        rows = [
            {**_row(rng, shape, key, ends), "label": f"{file}.{shape.name}.{number}"}
            for number, key in enumerate(keys[shape.name])
        ]
        for row, number in zip(rows if shape.number else (), numbers[shape.name], strict=False):
            row["u"] = number if rng.random() < 0.9 else None
        if shape.name == "link":
            rows = list({(row["a"], row["b"]): row for row in rows if None not in row.values()}.values())
        contents[shape.name] = rows
    if "pair" in shapes:
        (parent, _) = shapes["pair"].refers["p", "q"]
        for row in contents["pair"]:
            other = rng.choice(contents[parent]) if contents[parent] else {"id": None, "r0": None}
            row |= {"p": other["id"], "q": other["r0"]}
    return contents


def _shared_keys(shapes: dict[str, Shape]) -> list[tuple[str, str]]:
    """Return each table whose key is that of another table, with that one."""
    same = [("same", shapes["same"].refers["id",][0])] if "same" in shapes else []
    return same + ([("twin", shapes["twin"].stated["id", ""][0])] if "twin" in shapes else [])


def _row(rng: random.Random, shape: Shape, key: int, ends: dict[tuple[str, tuple[str, ...]], list[int]]) -> Row:
    row: Row = {"id": key} if shape.key else {}
    for columns, end in shape.refers.items():
        if len(columns) == 1 and columns[0] not in row:
            row[columns[0]] = _reference(rng, ends[end], shape.none)
    if shape.has_kinds:
        row["kind"] = rng.choice(("a", "b", "b", "c", None))
    for (column, kind), end in shape.stated.items():
        if column not in row or (kind and row["kind"] == kind):
            row[column] = _reference(rng, ends[end], shape.none)
    return row


def _reference(rng: random.Random, keys: list[int], none: tuple[int, ...]) -> int | None:
    if none and rng.random() < 0.15:
        return rng.choice(none)
    kind = rng.random()
    if kind < 0.75 and keys:
        return rng.choice(keys)
    if kind < 0.85:
        return None
    return rng.choice((-1, 0)) if kind < 0.9 else rng.randint(1, 90)


def write(keyed: Keyed, root: Path) -> None:
    """Create the databases."""
    for file, contents in keyed.contents.items():
        with closing(sqlite3.connect(root / file, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous=OFF")
            for shape in keyed.shapes.values():
                con.execute(shape.divided if keyed.is_divided and file == "target.db" else shape.sql)
            for name, rows in contents.items():
                for row in rows:
                    places = ", ".join("?" for _ in row)
                    con.execute(f"INSERT INTO {name}({', '.join(row)}) VALUES ({places})", list(row.values()))


def planned(keyed: Keyed) -> list[Source]:
    """Return the sources of the plan. Each renumbers its keys."""
    return [
        Source.model_validate(
            {
                "name": file.removesuffix(".db"),
                "file": file,
                "keys": "renumber",
                "constants": {"dev": "{name}"} if keyed.is_divided else {},
                "table": [_map(keyed.shapes[name], is_divided=keyed.is_divided) for name in keyed.moved[file]],
                "leave": [{"tables": [n for n in keyed.shapes if n not in keyed.moved[file]], "reason": "drawn"}]
                if len(keyed.moved[file]) < len(keyed.shapes)
                else [],
            }
        )
        for file in keyed.files
    ]


def _map(shape: Shape, *, is_divided: bool) -> TableMap:
    refers = [
        Refers(column=column, to=f"{parent}.{to[0]}", when=f"kind = '{kind}'" if kind else "")
        for (column, kind), (parent, to) in shape.stated.items()
    ]
    renumber, create = [shape.number] if shape.number else [], shape.divided if is_divided else ""
    none = list(shape.none)
    table_map = TableMap(name=shape.name, renumber=renumber, refers=refers, create=create, none=none)
    has_rowid = not shape.key and shape.name == "log"
    return table_map.model_copy(update={"rowids": "renumber"}) if has_rowid else table_map


def read(path: Path, keyed: Keyed) -> Contents:
    """Return the rows of the target."""
    with closing(sqlite3.connect(path)) as con:
        con.row_factory = sqlite3.Row
        present = {name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        names = [name for name in keyed.shapes if name in present]
        return {name: [dict(row) for row in con.execute(f"SELECT * FROM {name}")] for name in names}


def wrong_rows(keyed: Keyed, after: Contents) -> Iterator[str]:
    """Yield each row of the target that is not as it was, or that reaches another row."""
    for name, shape in keyed.shapes.items():
        rows = [row for file, each in keyed.contents.items() if _arrives(keyed, file, name) for row in each[name]]
        present = after.get(name, [])
        if Counter(row["label"] for row in rows) != Counter(row["label"] for row in present):
            yield f"{name}: other rows"
            continue
        now = {row["label"]: row for row in present}
        for file, each in keyed.contents.items():
            for row in each[name] if _arrives(keyed, file, name) else ():
                yield from _wrong_references(shape, each, (row, now[row["label"]]), after)
    for row in (row for rows in keyed.contents.get("target.db", {}).values() for row in rows):
        if row not in [kept for rows in after.values() for kept in rows]:
            yield f"{row['label']}: a row of the target changed"


def sentinels_at_rows(keyed: Keyed) -> Iterator[str]:
    """Yield each reference to no row of its file that may reach one in the target.

    Its number stays, and that of a row of the target as well. Up to 0 a moved one reaches a row with this number in
    another file, unless a constant divides the rows. A small number above 0 may reach a row that gets it.
    """
    existing = {"target.db": [*keyed.shapes]} if "target.db" in keyed.contents else {}
    for file, tables in (keyed.moved | existing).items():
        for name in tables:
            for row in keyed.contents[file][name]:
                for (column, *more), (parent, (to, *_)) in _references_of(keyed.shapes[name], row).items():
                    number = 1 if row[column] is None else row[column]
                    files = {
                        other
                        for other, tables_of in keyed.contents.items()
                        if any(each[to] == number for each in tables_of[parent])
                    }
                    is_at_row = number <= 0 and files and not keyed.is_divided and file not in existing
                    may_reach = 0 < number < _NONE and number in keyed.shapes[name].none
                    if not more and file not in files and (is_at_row or may_reach):
                        yield f"{row['label']} {column}"


def _references_of(shape: Shape, row: Row) -> References:
    """Return the references of one row, by its kind."""
    stated: References = {
        (column,): end for (column, kind), end in shape.stated.items() if kind in ("", row.get("kind"))
    }
    return shape.refers | stated


def _arrives(keyed: Keyed, file: str, table: str) -> bool:
    return file == "target.db" or table in keyed.moved[file]


def _wrong_references(shape: Shape, contents: Contents, rows: tuple[Row, Row], after: Contents) -> Iterator[str]:
    """Yield each reference of one row that leads to another row than before."""
    was, now = rows
    references = _references_of(shape, was)
    for column, _ in shape.stated:
        if (column,) not in references and was[column] != now[column]:
            yield f"{was['label']} {column}: a value that refers to nothing changed"
    for columns, (parent, to) in references.items():
        old, new = ([row[column] for column in columns] for row in (was, now))
        if None in old:
            if [value is None for value in old] != [value is None for value in new]:
                yield f"{was['label']} {columns}: NULL"
            continue
        parents = [row["label"] for row in contents[parent] if [row[column] for column in to] == old]
        reached = [
            row["label"]
            for row in after.get(parent, [])
            if [row[column] for column in to] == new and row.get("dev") == now.get("dev")
        ]
        if reached != parents:
            yield f"{was['label']} {columns}: {parents} became {reached}"
        none = shape.none if len(old) == 1 else ()
        if not parents and all(value <= 0 or value in none for value in old) and old != new:
            yield f"{was['label']} {columns}: a sentinel moved"
