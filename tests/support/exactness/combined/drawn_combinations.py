"""Draw workspaces whose plans combine new keys, match, filters and policies."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass, field
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
POLICIES = ("skip-identical", "prefer-target", "prefer-source", "prefer-newer")
KINDS = {"s": "site", "t": "tag"}
"""Kind of a mark to the table that it refers to. A mark of another kind refers to none."""

_NAMES = ("a", "b", "c", "d", "e", "f", "g", "A", "B", "a ", "1", 1, 1.0, b"x", None)
_TIMES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 9, "2024", "2025", None, 2.0)


@dataclass(frozen=True)
class Refers:
    """Hold what a column refers to.

    Attributes:
        table: The referred table. Empty if the kind of the row tells it.
        to: Column of its key.
    """

    table: str
    to: str = "id"


@dataclass(frozen=True)
class Shape:
    """Hold one table.

    Attributes:
        columns: Its columns in the sources.
        key: Its primary key.
        match: Columns that match, or empty.
        renumbered: Columns whose integers are renumbered.
        refers: Referring columns.
        collations: Collation of each column that has one.
        unique: Column of a further unique key, or empty.
        extra: Whether the target has a further column with a DEFAULT.
        stated: Whether the plan states the references, and no FOREIGN KEY does.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ("id",)
    match: tuple[str, ...] = ()
    renumbered: tuple[str, ...] = ()
    refers: dict[str, Refers] = field(default_factory=dict)
    collations: dict[str, str] = field(default_factory=dict)
    unique: str = ""
    extra: bool = False
    stated: bool = False

    @property
    def is_whole(self) -> bool:
        """Return whether whole rows match."""
        return self.match == ("*",)

    def referred(self, row: Row, column: str) -> Refers | None:
        """Return what a column of a row refers to, or None."""
        refers = self.refers.get(column)
        if refers is None or refers.table:
            return refers
        table = KINDS.get(row["kind"])
        return Refers(table) if table else None


@dataclass(frozen=True)
class Choice:
    """Hold how the plan moves one table of one source."""

    policy: str = "refuse"
    where: str = ""
    follows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """Hold a workspace.

    Attributes:
        shapes: The tables, parents first.
        contents: The rows of each file, the target first.
        choices: How each table of each source moves.
    """

    shapes: dict[str, Shape]
    contents: dict[str, Contents]
    choices: dict[str, dict[str, Choice]]


def draw(seed: int) -> Drawn:
    """Draw the workspace of a seed."""
    rng = random.Random(seed)  # noqa: S311 -- reproducible, and no secret
    shapes = {shape.name: shape for shape in _shapes(rng)}
    alike = rng.random() < 0.6
    names = rng.sample(_NAMES, 8)
    files = [TARGET, *(f"s{number}.db" for number in range(rng.choice((1, 1, 2, 3))))]
    contents = {file: _rows(rng, shapes, names, number, alike=alike) for number, file in enumerate(files)}
    choices = {file: {name: _choice(rng, shape) for name, shape in shapes.items()} for file in files[1:]}
    return Drawn(shapes, contents, choices)


def _shapes(rng: random.Random) -> list[Shape]:
    def chance(share: float) -> bool:
        return rng.random() < share

    moving, extra = chance(0.75), chance(0.25)
    coll = {"code": rng.choice(("", "", "NOCASE", "RTRIM")), "name": rng.choice(("", "NOCASE"))}
    has_number = moving and chance(0.4)
    columns = ("id", *(["oid"] if has_number else []), "code", "kind", "at", "note")
    renumbered = ("id", *(["oid"] if has_number else [])) if moving else ()
    code = ("code",) if chance(0.85) else ()
    unique = "code" if code and chance(0.2) else ""
    site = Shape("site", columns, match=code, renumbered=renumbered, collations=coll, unique=unique, extra=extra)
    numbered = ("id",) if moving else ()
    shapes = [site]
    if chance(0.6):
        refers = {"parent": Refers("tag"), "site": Refers("site")}
        match = rng.choice((("name", "parent"), ("name", "parent", "site"), ("name", "parent"), ()))
        columns = ("id", "name", "parent", "site", "at", "note")
        stated = chance(0.2)
        shapes.append(
            Shape(
                "tag",
                columns,
                match=match,
                renumbered=numbered,
                refers=refers,
                collations=coll,
                extra=extra,
                stated=stated,
            )
        )
    parents = [shape.name for shape in shapes]
    if chance(0.6):
        refers = {"a": Refers(rng.choice(parents)), "b": Refers(rng.choice(parents))}
        match = ("a", "b") if chance(0.6) else ()
        key, columns = ("a", "b"), ("a", "b", "at", "note")
        shapes.append(Shape("link", columns, key, match, refers=refers, extra=extra and bool(match)))
    if chance(0.6):
        refers = {"of": Refers("site", "oid" if has_number and chance(0.6) else "id"), "up": Refers("visit")}
        columns = ("id", "of", "up", "kind", "at", "note")
        shapes.append(Shape("visit", columns, renumbered=numbered, refers=refers, stated=chance(0.2)))
    if chance(0.4):
        columns, of = ("id", "of", "at", "note"), Refers("site", "oid" if has_number and chance(0.5) else "id")
        shapes.append(Shape("loan", columns, refers={"of": of}, stated=chance(0.3)))
    if "tag" in parents and chance(0.5):
        match, columns = ("kind", "ref") if chance(0.5) else (), ("id", "kind", "ref", "at", "note")
        mark = Shape("mark", columns, match=match, renumbered=numbered, refers={"ref": Refers("")}, stated=True)
        shapes.append(mark)
    if chance(0.4):
        shapes.append(Shape("log", ("of", "note"), (), ("*",), refers={"of": Refers(rng.choice(parents))}))
    return shapes


def _choice(rng: random.Random, shape: Shape) -> Choice:
    policy = "refuse"
    if shape.match and not shape.is_whole:
        policy = rng.choice((*POLICIES, "prefer-newer", "refuse"))
    elif shape.name in ("link", "loan"):
        policy = rng.choice((*POLICIES, "prefer-newer"))
    column = next((name for name in ("kind", "at", "note") if name in shape.columns), "")
    condition = f"{column} IS NOT 'n'" if column == "note" else f"{column} IS NOT 's'" if column == "kind" else ""
    condition = condition or "typeof(at) <> 'integer' OR at > 2"
    where = condition if rng.random() < 0.2 else ""
    tables = [refers.table for refers in shape.refers.values()]
    tables = [name for table in tables for name in ([table] if table else KINDS.values())]
    follows = tuple(dict.fromkeys(name for name in tables if rng.random() < 0.75))
    return Choice(policy, where, follows)


def _rows(rng: random.Random, shapes: dict[str, Shape], names: list[Any], number: int, *, alike: bool) -> Contents:
    overlap = rng.random() < 0.8
    contents: Contents = {}
    for shape in shapes.values():
        low = 1 if overlap and (shape.renumbered or shape.name == "loan") else 1 + 40 * number
        ids = rng.sample(range(low, low + 14), rng.randint(0, 6))
        pool = rng.sample(names, len(names))
        rows = contents[shape.name] = []
        for place, key in enumerate(ids):
            row: Row = {}
            name = pool[place] if rng.random() < 0.97 else rng.choice(_NAMES)
            for column in shape.columns:
                given = {"id": key, "code": name, "name": name}
                row[column] = (
                    given[column] if column in given else _value(rng, shape, column, row, contents, alike=alike)
                )
            if number == 0 and shape.extra:
                row["extra"] = rng.choice(("E", "keep", None))
            rows.append(row)
        contents[shape.name] = _distinct(rows, shape)
    return contents


def _value(rng: random.Random, shape: Shape, column: str, row: Row, contents: Contents, *, alike: bool) -> Any:
    if column == "oid":
        return (row["id"] * 5) % 17 + 1
    if column == "kind":
        return rng.choice(("s", "t", "u"))
    if column == "at":
        return rng.choice((3, 4)) if alike and rng.random() < 0.5 else rng.choice(_TIMES[:10] if alike else _TIMES)
    if column == "note":
        return "m" if alike and rng.random() < 0.9 else rng.choice(("n", "m", None, 1, 1.0, 0.0, -0.0))
    refers = shape.referred(row, column)
    if refers is None:
        return rng.choice((None, 5))
    keys = [each[refers.to] for each in contents[refers.table]]
    if rng.random() < 0.04 and shape.name != "link":
        return 0
    return rng.choice(keys) if keys and rng.random() < 0.85 else None


def _distinct(rows: list[Row], shape: Shape) -> list[Row]:
    """Drop rows that a unique key of the table refuses."""
    if shape.name == "link":
        rows = [row for row in rows if None not in (row["a"], row["b"])]
        rows = list({(row["a"], row["b"]): row for row in rows}.values())
    kept: dict[Any, Row] = {}
    for row in rows:
        value = row[shape.unique] if shape.unique else None
        text = value.lower().rstrip() if isinstance(value, str) else value
        kept.setdefault(id(row) if value is None else text, row)
    numbers = [row.get("oid") for row in kept.values()]
    return [row for place, row in enumerate(kept.values()) if "oid" not in row or row["oid"] not in numbers[:place]]


def sql_of(shape: Shape, *, of_target: bool) -> str:
    """Return the CREATE TABLE statement of a table."""
    parts = ["id INTEGER PRIMARY KEY"] if shape.key == ("id",) else []
    for column in shape.columns:
        refers, collation = shape.refers.get(column), shape.collations.get(column, "")
        part = (
            column + (" INTEGER" if refers or column == "oid" else "") + (f" COLLATE {collation}" if collation else "")
        )
        part += " UNIQUE" if column in ("oid", shape.unique) else ""
        part += f" REFERENCES {refers.table}({refers.to})" if refers and not shape.stated else ""
        parts += [part] if column != "id" else []
    parts += ["extra TEXT DEFAULT 'E'"] if of_target and shape.extra else []
    parts += [f"PRIMARY KEY({', '.join(shape.key)})"] if len(shape.key) > 1 else []
    return f"CREATE TABLE {shape.name}({', '.join(parts)})"


def write(drawn: Drawn, root: Path) -> None:
    """Create the databases."""
    for file, contents in drawn.contents.items():
        with closing(sqlite3.connect(root / file, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous=OFF")
            con.execute("BEGIN")
            for shape in drawn.shapes.values():
                con.execute(sql_of(shape, of_target=file == TARGET))
                for row in contents[shape.name]:
                    marks = ", ".join("?" for _ in row)
                    names = ", ".join(f'"{name}"' for name in row)
                    con.execute(f"INSERT INTO {shape.name}({names}) VALUES ({marks})", list(row.values()))
            con.execute("COMMIT")


def planned(drawn: Drawn) -> list[Source]:
    """Return the sources of the plan."""
    return [
        Source.model_validate(
            {
                "name": file.removesuffix(".db"),
                "file": file,
                "table": [_map(drawn.shapes[name], choice) for name, choice in reversed(list(choices.items()))],
            }
        )
        for file, choices in drawn.choices.items()
    ]


def _map(shape: Shape, choice: Choice) -> TableMap:
    keys: dict[str, Any] = {"name": shape.name, "match": list(shape.match), "follows": choice.follows}
    keys |= {"on_conflict": choice.policy} if choice.policy != "refuse" else {}
    keys |= {"newer": "at"} if choice.policy == "prefer-newer" else {}
    keys |= {"where": choice.where, "reason": "drawn"} if choice.where else {}
    keys |= {"keys": "renumber"} if "id" in shape.renumbered else {}
    keys |= {"renumber": ["oid"]} if "oid" in shape.renumbered else {}
    keys |= {"refers": _stated(shape)} if shape.stated else {}
    keys |= {"rowids": "renumber"} if not shape.key else {}
    return TableMap.model_validate(keys)


def _stated(shape: Shape) -> list[dict[str, str]]:
    stated = []
    for column, refers in shape.refers.items():
        if refers.table:
            stated.append({"column": column, "to": f"{refers.table}.{refers.to}"})
        else:
            stated += [
                {"column": column, "to": f"{name}.id", "when": f"kind = '{kind}'"} for kind, name in KINDS.items()
            ]
    return stated


def read(path: Path, drawn: Drawn) -> Contents:
    """Return the rows of the target."""
    with closing(sqlite3.connect(path)) as con:
        con.row_factory = sqlite3.Row
        return {name: [dict(row) for row in con.execute(f"SELECT * FROM {name}")] for name in drawn.shapes}
