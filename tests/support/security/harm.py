"""List databases that were made to do harm, and how a rehearsal on each has to end."""

from __future__ import annotations

from dataclasses import dataclass

_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
# One call of one function that compares for years, and cannot be interrupted.
_SEARCH = "instr(hex(zeroblob(100000000)), hex(zeroblob(50000000)) || '1')"
_BOMB = "CREATE TABLE bomb(a); INSERT INTO bomb VALUES (1)"
_DOUBLED = ", ".join(f"c{n} AS (SELECT a.x FROM c{n - 1} AS a, c{n - 1} AS b)" for n in range(1, 40))


@dataclass(frozen=True)
class Harm:
    """Hold a harmful source.

    Attributes:
        name: Name of the attack.
        sql: Statements of the source.
        table: Table of the source that is planned.
        id: Id of the refusal; empty if the source is moved without being run.
        deadline: Seconds in the plan; None means the default.
        long: True if only ``-m long`` runs it, because it takes longer or is like another.
    """

    name: str
    sql: str
    table: str = ""
    id: str = ""
    deadline: int | None = None
    long: bool = False


def _late(name: str, sql: str, table: str = "", *, long: bool = False) -> Harm:
    """Return an attack that would take years."""
    return Harm(name, sql, table, "out-of-proportion", deadline=1, long=long)


def _disguised(made: str, sql: str) -> str:
    """Return SQL that creates a harmless object and then writes ``sql`` into the schema."""
    text = sql.replace("'", "''")
    return f"""{made}; PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = '{text}' WHERE name = 'bomb'; PRAGMA writable_schema = RESET"""


HARMLESS = (
    Harm(
        "two thousand columns",
        f"CREATE TABLE bomb({', '.join(f'c{number}' for number in range(2000))}); INSERT INTO bomb(c0) VALUES (1)",
        table="bomb",
    ),
    Harm("a view without an end", f"CREATE VIEW forever AS {_ENDLESS}; CREATE VIEW more AS SELECT * FROM forever"),
    Harm(
        "triggers that would never return",
        f"CREATE TRIGGER boom AFTER INSERT ON tasks BEGIN SELECT * FROM ({_ENDLESS}); END;"
        f"CREATE TRIGGER bang AFTER DELETE ON tags BEGIN SELECT * FROM ({_ENDLESS}); END",
    ),
    Harm(
        "a trigger that calls functions",
        "CREATE TRIGGER calls AFTER INSERT ON tasks BEGIN SELECT load_extension('pwned'), writefile('pwned', 'x'); END",
    ),
    Harm(
        "a column that is ten thousand times its row",
        "CREATE TABLE bomb(a, b AS (replace(hex(zeroblob(5000)), '0', a))); INSERT INTO bomb(a) VALUES ('0123456789')",
        table="bomb",
    ),
    Harm(
        "a pattern that never matches",
        f"CREATE TABLE bomb(x CHECK (NOT x GLOB '{'*a' * 25}b')); INSERT INTO bomb VALUES ('{'a' * 200}')",
        table="bomb",
    ),
    Harm(
        "a CHECK of ninety brackets",
        f"CREATE TABLE bomb(x CHECK ({'(' * 90}x > 0{')' * 90})); INSERT INTO bomb VALUES (1)",
        table="bomb",
    ),
)
HARMFUL = (
    _late(
        "a view that is doubled forty times",
        f"CREATE VIEW bomb AS WITH c0 AS (SELECT 1 AS x), {_DOUBLED} SELECT x FROM c39",
    ),
    _late(
        "a trigger that is doubled forty times",
        "CREATE TRIGGER bomb AFTER INSERT ON tasks BEGIN INSERT INTO tags"
        f" WITH c0 AS (SELECT 1 AS x), {_DOUBLED} SELECT x, x FROM c39; END",
        long=True,
    ),
    _late(
        "forty views of each other",
        "CREATE VIEW v0 AS SELECT 1 AS x;"
        + ";".join(f"CREATE VIEW v{n} AS SELECT a.x FROM v{n - 1} AS a, v{n - 1} AS b" for n in range(1, 40)),
    ),
    _late(
        "a hundred thousand triggers",
        "CREATE TABLE bomb(a); PRAGMA writable_schema = ON;"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000)"
        " INSERT INTO sqlite_schema SELECT 'trigger', 't' || x, 'bomb', 0,"
        " 'CREATE TRIGGER t' || x || ' AFTER INSERT ON bomb BEGIN SELECT 1; END' FROM n",
        long=True,
    ),
    _late("a column that searches for years", _disguised(_BOMB, f"CREATE TABLE bomb(a, b AS ({_SEARCH}))"), "bomb"),
    _late(
        "a CHECK that searches for years",
        _disguised(_BOMB, f"CREATE TABLE bomb(a CHECK ({_SEARCH} = 0))"),
        "bomb",
    ),
    _late(
        "an index that searches for years",
        "CREATE TABLE t(a); INSERT INTO t VALUES (1);"
        + _disguised("CREATE INDEX bomb ON t(a)", f"CREATE INDEX bomb ON t({_SEARCH} + a)"),
        "t",
    ),
    _late(
        "an index on some rows, which searches for years",
        "CREATE TABLE t(a); INSERT INTO t VALUES (1);"
        + _disguised("CREATE INDEX bomb ON t(a)", f"CREATE INDEX bomb ON t(a) WHERE a < {_SEARCH}"),
        "t",
        long=True,
    ),
    Harm(
        "sixty columns, each twice the one before",
        _disguised(
            _BOMB,
            f"CREATE TABLE bomb(c0{''.join(f', c{n} AS (c{n - 1} + c{n - 1})' for n in range(1, 61))})",
        ),
        "bomb",
        id="out-of-proportion",
    ),
    Harm(
        "sixty columns of a hundred megabytes",
        _disguised(_BOMB, f"CREATE TABLE bomb(a{''.join(f', b{n} AS (hex(zeroblob(50000000)))' for n in range(60))})"),
        "bomb",
        id="out-of-proportion",
        long=True,
    ),
    *(
        Harm(
            f"a column of a gigabyte, by {function}",
            _disguised(_BOMB, f"CREATE TABLE bomb(a, b AS ({function}))"),
            "bomb",
            id="out-of-proportion",
            long="printf" in function,
        )
        for function in ("zeroblob(999999999)", "printf('%.*c', 999999999, 'x')")
    ),
)
