"""Draw the contents of a random workspace with Hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.exactness.oracle import quoted


@dataclass(frozen=True)
class Text:
    """Hold a text by its stored bytes, which may be invalid in the encoding."""

    stored: bytes


@dataclass(frozen=True)
class Table:
    """Hold the statements, the columns, the rows and the rowid column of one table."""

    name: str
    create: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    rowid: str = ""


@dataclass(frozen=True)
class Database:
    """Hold one database file.

    ``late`` are triggers and views. ``journal`` is ``delete``, ``wal`` or ``crashed``.
    """

    file: str
    tables: tuple[Table, ...]
    late: tuple[str, ...]
    encoding: str
    page_size: int
    journal: str
    user_version: int
    deleted: int


@dataclass(frozen=True)
class Workspace:
    """Hold sources, a target or None, and the policy for a table that several of them have."""

    sources: tuple[Database, ...]
    target: Database | None
    policy: str
    empty: bool


NAMES = [
    "plain",
    "we ird",
    'quo"te',
    "apo'strophe",
    "per%cent",
    "-dash",
    "select",
    "emoji\U0001f600",
    "new\nline",
    "É",
    "semi;colon",
    "back`tick",
    "[bracket]",
    "a.b",
    "--",
    "/*",
]
COLUMNS = [*NAMES, "rowid", "oid", "group", "A", "order"]
TYPES = ["", "TEXT", "INTEGER", "INT", "REAL", "FLOAT", "NUMERIC", "BLOB", "VARCHAR(10)", "DATETIME", "ANY"]
STRICT_TYPES = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"]
CONSTRAINTS = [
    "",
    "",
    "",
    "",
    "NOT NULL",
    "UNIQUE",
    "UNIQUE ON CONFLICT IGNORE",
    "DEFAULT 7",
    "DEFAULT 'it''s'",
    "DEFAULT (abs(-3))",
    "DEFAULT CURRENT_TIMESTAMP",
    "DEFAULT x'00ff'",
    "DEFAULT NULL",
    "COLLATE NOCASE",
    "COLLATE RTRIM UNIQUE",
    "CHECK (typeof({c}) <> 'blob')",
    "/* , ' */ COLLATE NOCASE NOT NULL",
]
EDGES: list[Any] = [
    None,
    0,
    1,
    -1,
    2**63 - 1,
    -(2**63),
    2**53 + 1,
    0.0,
    -0.0,
    1.0,
    0.1,
    float("inf"),
    float("-inf"),
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    1e15,
    123456789012345.67,
    "",
    "a",
    "A",
    "a ",
    "1",
    "01",
    "1.0",
    "1e3",
    " 1",
    "nul\0inside",
    "ends in nul\0",
    "é\U0001f600",
    "\ufeffbom",
    "line\r\nbreak",
    "'; DROP TABLE x; --",
    b"",
    b"\0",
    b"a",
    b"\xff\xfe",
    "x" * 3000,
    b"y" * 5000,
]
INVALID = [Text(b"\xff\xfe\xfd"), Text(b"a\x80"), Text(b"\xed\xa0\x80"), Text(b"\xc0\x80")]

_values = st.one_of(
    st.sampled_from(EDGES),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.binary(max_size=6),
)
_utf8_values = st.one_of(_values, _values, _values, st.sampled_from(INVALID))


@st.composite
def _table(draw: st.DrawFn, at: str, values: st.SearchStrategy[Any], parents: list[str]) -> Table:
    name = f"{draw(st.sampled_from(NAMES))} {at}"
    strict = draw(st.booleans())
    kind = draw(st.sampled_from(["none", "none", "rowid", "auto", "desc", "text", "two"]))
    without = kind in ("text", "two") and draw(st.booleans())
    names: list[str] = draw(st.lists(st.sampled_from(COLUMNS), min_size=2, max_size=4, unique_by=str.lower))
    types = st.sampled_from(STRICT_TYPES if strict else TYPES)
    parts = []
    for number, column in enumerate(names):
        keyed = {"rowid": "PRIMARY KEY", "auto": "PRIMARY KEY AUTOINCREMENT", "desc": "PRIMARY KEY DESC"}.get(kind)
        if number == 0 and keyed:
            parts.append(f"{quoted(column)} INTEGER {keyed}")
        elif number == 0 and kind == "text":
            parts.append(f"{quoted(column)} TEXT PRIMARY KEY COLLATE {draw(st.sampled_from(['BINARY', 'NOCASE']))}")
        else:
            more = draw(st.sampled_from(CONSTRAINTS)).format(c=quoted(column))
            parts.append(f"{quoted(column)} {draw(types)} {more}")
    last = names[-1]
    if draw(st.integers(0, 3)) == 0:
        stored = draw(st.sampled_from(["VIRTUAL", "STORED"]))
        made = draw(st.sampled_from([quoted(last), f"length({quoted(last)})"]))
        parts.append(f"made {'TEXT' if strict else ''} AS (typeof({quoted(last)}) || {made}) {stored}")
    if kind == "two":
        parts.append(f"PRIMARY KEY ({quoted(names[1])} DESC, {quoted(names[0])})")
    if draw(st.booleans()) and parents:
        parts.append(f"FOREIGN KEY ({quoted(last)}) REFERENCES {quoted(draw(st.sampled_from(parents)))}")
    options = ", ".join(word for word, chosen in (("STRICT", strict), ("WITHOUT ROWID", without)) if chosen)
    create = [f"CREATE TABLE {quoted(name)} ({', '.join(parts)}) {options}"]
    create += [draw(_index(name, names, f"{at}{n}")) for n in range(draw(st.integers(0, 2)))]
    lower = {column.lower() for column in names}
    rowid = next((alias for alias in ("rowid", "_rowid_", "oid") if alias not in lower), "")
    implicit = rowid if kind not in ("rowid", "auto") and not without and draw(st.booleans()) else ""
    ids = st.integers(-(2**63), 2**63 - 1) | st.integers(1, 40)
    first = ids if kind in ("rowid", "auto", "desc") else values
    row = st.tuples(*([ids] if implicit else []), first, *([values] * (len(names) - 1)))
    rows = draw(st.lists(row, max_size=6))
    if not implicit and kind not in ("rowid", "auto"):
        rows += rows[: draw(st.integers(0, 2))]
    return Table(name, tuple(create), tuple(names), tuple(rows), implicit)


@st.composite
def _index(draw: st.DrawFn, table: str, columns: list[str], at: str) -> str:
    first, last = quoted(columns[0]), quoted(columns[-1])
    body = draw(
        st.sampled_from(
            [
                f"({first})",
                f"({last} DESC, {first})",
                f"({first} COLLATE NOCASE)",
                f"({last} COLLATE RTRIM DESC)",
                f"(length({last}))",
                f"(typeof({first}), {last})",
                f"({first}) WHERE {last} IS NOT NULL",
                f"({last}, {first}) WHERE typeof({first}) = 'integer'",
            ]
        )
    )
    unique = draw(st.sampled_from(["", "", "UNIQUE "]))
    name = draw(st.sampled_from([f"by {at}", f"i{at}", "an index", f'i"{at}']))
    return f"CREATE {unique}INDEX {quoted(name)} ON {quoted(table)} {body}"


@st.composite
def _database(draw: st.DrawFn, file: str, at: str) -> Database:
    encodings = ["UTF-8"] * (12 if at == "t" else 4)  # a target in UTF-16 takes no text that is not valid
    encoding = draw(st.sampled_from([*encodings, "UTF-16le", "UTF-16be"]))
    values = _utf8_values if encoding == "UTF-8" else _values
    tables: list[Table] = []
    for number in range(draw(st.integers(1, 3))):
        parents = [
            table.name
            for table in tables
            if " PRIMARY KEY" in table.create[0] and "PRIMARY KEY (" not in table.create[0]
        ]
        tables.append(draw(_table(f"{at}{number}", values, parents)))
    first_table = tables[0]
    late = []
    if draw(st.booleans()):
        log = Table(f"log{at}", (f"CREATE TABLE log{at}(what, n)",), ("what", "n"), (("made", 1),), "")
        tables.append(log)
        late.append(
            f"CREATE TRIGGER {quoted('on ' + at)} AFTER {draw(st.sampled_from(['INSERT', 'DELETE']))} ON"
            f" {quoted(first_table.name)} BEGIN INSERT INTO log{at} VALUES('it''s; fired', 1); END"
        )
    if draw(st.booleans()):
        late.append(f"CREATE VIEW {quoted('view ' + at)} AS SELECT * FROM {quoted(first_table.name)}")
        late.append(f"CREATE TRIGGER via{at} INSTEAD OF DELETE ON {quoted('view ' + at)} BEGIN SELECT 'a;b'; END")
    if draw(st.integers(0, 5)) == 0:
        words = draw(st.lists(st.tuples(st.integers(1, 99), st.sampled_from(["some words", "nul\0", "é"])), max_size=3))
        create = f"CREATE VIRTUAL TABLE {quoted('full text ' + at)} USING fts5(body)"
        tables.append(Table(f"full text {at}", (create,), ("body",), tuple(words), "rowid"))
    return Database(
        file=file,
        tables=tuple(tables),
        late=tuple(late),
        encoding=encoding,
        page_size=draw(st.sampled_from([512, 1024, 4096, 65536])),
        journal=draw(st.sampled_from(["delete", "wal", "crashed"])),
        user_version=draw(st.integers(0, 9)),
        deleted=draw(st.integers(0, 2)),
    )


SHARED = {
    "number": "CREATE TABLE shared(k INTEGER PRIMARY KEY, v)",
    "text": "CREATE TABLE shared(k TEXT PRIMARY KEY, v)",
    "without": "CREATE TABLE shared(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
    "nocase": "CREATE TABLE shared(k TEXT COLLATE NOCASE UNIQUE, v)",
    "none": "CREATE TABLE shared(k, v)",
}


@st.composite
def _shared(draw: st.DrawFn, policy: str, at: int, kind: str) -> Table:
    """Draw one part of the table that several databases have.

    Without a policy for equal keys, few keys are equal.
    """
    numbers = st.integers(1, 6) if policy.startswith("prefer") else st.integers(1, 6).map(lambda n: n + 1000 * at)
    if policy == "skip-identical" or draw(st.integers(0, 9)) == 0:
        numbers = st.integers(1, 6)
    texts = st.sampled_from(["a", "b", "A", "a ", "é", None]) if policy.startswith("prefer") else numbers.map(str)
    keys = draw(st.lists(numbers if kind in ("number", "none") else texts, max_size=5))
    rows = [(key, f"of {key}" if policy == "skip-identical" else draw(_values)) for key in keys]
    if kind == "none":
        return Table(
            "shared", (SHARED[kind],), ("k", "v"), tuple((n, *row) for n, row in zip(keys, rows, strict=True)), "rowid"
        )
    return Table("shared", (SHARED[kind],), ("k", "v"), tuple(rows))


@st.composite
def workspaces(draw: st.DrawFn) -> Workspace:
    """Draw two to four sources, a target that may be absent or empty, and a shared table."""
    sources = [draw(_database(f"s{at}.db", "abcd"[at])) for at in range(draw(st.integers(2, 4)))]
    filled = draw(st.sampled_from(["absent", "empty", "filled", "filled"]))
    target = draw(_database("target.db", "t")) if filled == "filled" else None
    policy = draw(st.sampled_from(["", "", "refuse", "skip-identical", "prefer-target", "prefer-source"]))
    if policy:
        kind = draw(st.sampled_from([kind for kind in SHARED if policy == "refuse" or kind != "none"]))
        sources = [
            replace(source, tables=(*source.tables, draw(_shared(policy, at, kind))))
            for at, source in enumerate(sources)
        ]
        if target:
            target = replace(target, tables=(*target.tables, draw(_shared(policy, 9, kind))))
    return Workspace(tuple(sources), target, policy, filled == "empty")


def corpus_settings(examples: int, *, derandomize: bool) -> settings:
    """Return the settings of a corpus, whose workspaces have no deadline.

    Args:
        examples: Number of workspaces.
        derandomize: Whether each run draws the same ones.
    """
    return settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
