"""Specify that a dump restores a database exactly or fails to load."""

from __future__ import annotations

import io
import math
import random
import struct
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.content.dump import dumped_digest, write_dump
from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.dumps import SHAPES, SHELL, content, dumped, filled, lines_of, load_by_shell, loaded
from tests.support.missing.kinds import TABLES
from tests.support.thorough import sampled, thorough

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

with_shell = pytest.mark.skipif(SHELL is None, reason="the sqlite3 shell is not installed")

TEXTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.text("a';\"\n\r\t\0\x1b\x7f\\-/*"))
INTEGERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, -(2**53) - 1]))
REALS = st.one_of(
    st.floats(allow_nan=False),
    st.sampled_from([5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, math.inf, -math.inf, -0.0]),
    st.integers(0, 2**64 - 1)
    .map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
    .filter(lambda real: not math.isnan(real)),
)
VALUES = st.one_of(st.none(), INTEGERS, REALS, TEXTS, st.binary())
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1, max_size=6).filter(
    lambda name: not name.lower().startswith("sqlite_")
)
TYPES = st.sampled_from(["", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "VARCHAR(3)"])


@pytest.mark.parametrize("shape", SHAPES)
def test_reloaded_dump_has_content_of_original(shape: str) -> None:
    """The schema has every kind of object, and the reloaded database is intact."""
    con = filled(*SHAPES[shape])

    back = loaded(dumped(con))

    assert content(back) == content(con)
    assert back.execute("PRAGMA integrity_check").fetchall() == con.execute("PRAGMA integrity_check").fetchall()


@with_shell
@pytest.mark.parametrize("shape", sampled(SHAPES, 0, 5, 10, 15, 20))
def test_sqlite_shell_loads_the_dump(tmp_path: Path, shape: str) -> None:
    """``sqlite3 new.db < dump.sql`` restores the same content."""
    con = filled(*SHAPES[shape])

    back = load_by_shell(dumped(con), tmp_path)

    assert content(back) == content(con)
    back.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), max_size=12))
@example([(float(2**60), 1e22), (1e23, 0.1 + 0.2), (123456789.125, -1e-5)])
def test_every_value_is_restored(rows: list[tuple[object, ...]]) -> None:
    """Type and bytes of each value are the same."""
    con = filled("CREATE TABLE t(a, b)")
    con.executemany("INSERT INTO t VALUES(?, ?)", rows)

    back = loaded(dumped(con))

    assert content(back) == content(con)


@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=1), st.sampled_from(["UTF-8", "UTF-16le", "UTF-16be"]))
@example(b"\xfe\xff", "UTF-16le")
@example(b"\xff\xfe", "UTF-16le")
@example(b"\xff\xff", "UTF-16be")
@example(b"\xef\xbf\xbe", "UTF-8")
@example(b"\xfe\xff\x00a", "UTF-16be")
def test_text_of_any_bytes_is_restored(raw: bytes, encoding: str) -> None:
    """The text may be invalid in the encoding of the database."""
    con = filled(f"PRAGMA encoding='{encoding}'", "CREATE TABLE t(a)")
    con.execute("INSERT INTO t VALUES(CAST(? AS TEXT))", (raw,))

    back = loaded(dumped(con))

    assert content(back) == content(con)
    stored = "SELECT typeof(a), CAST(a AS BLOB) FROM t"
    assert back.execute(stored).fetchall() == con.execute(stored).fetchall()


@settings(max_examples=80, deadline=None)
@given(
    NAMES,
    st.lists(st.tuples(NAMES, TYPES), min_size=1, max_size=5, unique_by=lambda column: column[0].lower()),
    st.booleans(),
    st.lists(VALUES, min_size=5, max_size=5),
)
def test_every_kind_of_table_is_restored(
    table: str, columns: list[tuple[str, str]], keyed: bool, values: list[object]
) -> None:
    """Names have any characters, and tables have or lack a rowid."""
    name, *quoted = ['"' + text.replace('"', '""') + '"' for text in (table, *(column for column, _ in columns))]
    declared = ", ".join(f"{column} {kind}" for column, (_, kind) in zip(quoted, columns, strict=True))
    without = f", PRIMARY KEY({quoted[0]})) WITHOUT ROWID" if keyed else ")"
    con = filled(f"CREATE TABLE {name}({declared}{without}")
    row = ["key" if keyed and at == 0 else value for at, value in enumerate(values[: len(columns)])]
    con.execute(f"INSERT INTO {name} VALUES({', '.join('?' * len(row))})", row)

    back = loaded(dumped(con))

    assert content(back) == content(con)


@with_shell
def test_ordinary_reals_are_read_exactly_by_shell(tmp_path: Path) -> None:
    """Old versions of SQLite misread some of the shortest decimal forms."""
    chance = random.Random(7)  # noqa: S311 -- not for secrets
    values = [round(chance.uniform(0, 1e6), chance.randrange(1, 12)) for _ in range(20_000)]
    values += [chance.random() * 10.0 ** chance.randrange(-15, 20) for _ in range(20_000)]
    values += [4006.617531853429, 0.673850910444383, 849914.815122, 5e-324, 1e22, 1e23, 2.0**-1074 * 3]
    con = filled("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    con.executemany("INSERT INTO t(v) VALUES(?)", ((value,) for value in values))

    back = load_by_shell(dumped(con), tmp_path)

    assert [v for (v,) in back.execute("SELECT v FROM t ORDER BY id")] == values
    back.close()


CONTENTLESS = ["fts5(a, content='')", "fts5(a, content='', columnsize=0)", 'fts4(a, content="")']
WITH_VALUES = ["fts5(a, b UNINDEXED, content='', contentless_unindexed=1)"]


@pytest.mark.parametrize("create", [*CONTENTLESS, *(WITH_VALUES if sqlite3.sqlite_version_info >= (3, 47) else [])])
def test_full_text_index_without_content_is_restored(create: str) -> None:
    """It cannot return its text, but the restored index finds the same rows."""
    con = filled(f"CREATE VIRTUAL TABLE f USING {create}", "INSERT INTO f(rowid, a) VALUES(7, 'needle'), (9, 'hay')")

    back = loaded(dumped(con))

    assert back.execute("SELECT rowid FROM f WHERE f MATCH 'needle'").fetchall() == [(7,)]


def test_view_of_the_terms_of_an_index_is_restored() -> None:
    """It accepts no row, and has its rows from the index."""
    con = filled(
        "CREATE VIRTUAL TABLE f USING fts5(body)",
        "INSERT INTO f VALUES('two words')",
        "CREATE VIRTUAL TABLE terms USING fts5vocab(f, 'row')",
    )

    assert content(loaded(dumped(con))) == content(con)


def test_dump_names_what_it_leaves_out(tmp_path: Path) -> None:
    """SQLite cannot load an object without what it lacks, and restores all others."""
    TABLES[1].build(tmp_path / "a.db")
    with closing(open_existing(tmp_path / "a.db")) as con:
        con.execute("CREATE INDEX plain_case ON plain(name)")
        con.execute("CREATE TRIGGER odd_t AFTER INSERT ON odd BEGIN SELECT 1; END")
        dump, whole = dumped(con), dumped_digest(con, digest_tables(con, read_schema(con)))

    restored = loaded(dump)

    assert [line.split()[3:5] for line in lines_of(dump) if line.startswith("-- Left out")] == [
        ["table", "odd"],
        ["trigger", "odd_t"],
    ]
    assert content(restored) == whole
    assert restored.execute("SELECT count(*) FROM plain").fetchone() == (2,)


def test_reloaded_full_text_table_finds_its_rows() -> None:
    """The index is restored together with the text."""
    back = loaded(dumped(filled(*SHAPES["FTS5"])))

    assert back.execute("SELECT rowid FROM f WHERE f MATCH 'y'").fetchall() == [(7,)]


@pytest.mark.parametrize("shape", [*thorough("AUTOINCREMENT", "hostile names"), "semicolons at line ends"])
def test_truncated_dump_does_not_load_silently(shape: str) -> None:
    """Loading fails, or the content is another one."""
    con = filled(*SHAPES[shape])
    whole, expected = dumped(con), content(con)

    for cut in range(len(whole)):
        try:
            back = loaded(whole[:cut])
        except sqlite3.Error:
            continue
        assert content(back) != expected, whole[:cut][-60:]
        back.close()


@with_shell
def test_shell_restores_nothing_from_truncated_dump(tmp_path: Path) -> None:
    """COMMIT is the last statement of a dump."""
    whole = dumped(filled("CREATE TABLE t(a)", "INSERT INTO t VALUES(1), (2)", "PRAGMA user_version=3"))

    back = load_by_shell(whole[: whole.rindex("COMMIT")], tmp_path)

    assert back.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert back.execute("PRAGMA user_version").fetchone() == (0,)
    back.close()


MARKED = "CREATE TABLE m(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO m VALUES (1, 'a');"
MARKS = [
    "UPDATE sqlite_sequence SET seq = NULL",
    "UPDATE sqlite_sequence SET seq = '70'",
    "UPDATE sqlite_sequence SET seq = 70.9",
    "UPDATE sqlite_sequence SET seq = 'x'",
    "UPDATE sqlite_sequence SET name = 'M', seq = 70",
    "DELETE FROM sqlite_sequence",
    "INSERT INTO sqlite_sequence VALUES ('m', 70)",
    "CREATE TABLE plain(v); INSERT INTO sqlite_sequence VALUES ('plain', 7)",
]


@pytest.mark.parametrize("change", MARKS)
def test_mark_is_read_as_sqlite_reads_it(change: str) -> None:
    """The next id shows what SQLite takes for the mark. A reloaded dump has the same one."""
    con = filled()
    con.executescript(MARKED + change)
    mark = read_autoincrement_marks(con).get("m", 0)
    back = loaded(dumped(con))

    assert content(back) == content(con)
    for each in (con, back):
        each.execute("INSERT INTO m(v) VALUES ('b')")
        assert each.execute("SELECT max(id) FROM m").fetchone() == (max(mark, 1) + 1,)


def test_mark_without_an_autoincrement_table_is_left_out() -> None:
    """SQLite keeps its table of marks, but a new database has none."""
    con = filled()
    con.executescript(MARKED + MARKS[-1] + "; DROP TABLE m")
    back = loaded(dumped(con))

    tables = digest_tables(back, read_schema(back))
    assert dumped_digest(back, tables) == dumped_digest(con, digest_tables(con, read_schema(con)))


def test_settings_come_before_what_they_are_for() -> None:
    """The encoding is set in an empty database, and foreign_keys outside of a transaction."""
    con = filled("PRAGMA encoding='UTF-16be'", "CREATE TABLE t(a)")

    lines = [line for line in lines_of(dumped(con)) if not line.startswith("--")]

    assert lines[0] == "PRAGMA encoding='UTF-16be';\n"
    assert lines.index("PRAGMA foreign_keys=OFF;\n") < lines.index("BEGIN;\n") < lines.index("CREATE TABLE t(a);\n")
    assert lines[-1] == "COMMIT;\n"


def test_triggers_do_not_fire_while_dump_is_loaded() -> None:
    """The dump already has the rows that a trigger once wrote."""
    con = filled(*SHAPES["triggers and views"])

    back = loaded(dumped(con))

    assert back.execute("SELECT a FROM log").fetchall() == [(1,)]


def test_dump_holds_one_state_during_concurrent_writes(tmp_path: Path) -> None:
    """A commit of another connection during the dump is in no table of it."""
    path = tmp_path / "a.db"
    con = open_new(path)
    con.execute("PRAGMA journal_mode=WAL")
    con.execute("CREATE TABLE first(a)")
    con.execute("CREATE TABLE second(a)")
    writer = open_existing(path)

    class Writing(io.StringIO):
        def write(self, text: str) -> int:
            if "first" in text:
                writer.execute("INSERT INTO second VALUES(1)")
            return super().write(text)

    out = Writing(newline="\n")
    write_dump(con, out)

    assert "INSERT" not in out.getvalue()
    assert not con.in_transaction
    assert con.execute("SELECT count(*) FROM second").fetchone()[0] > 0
    writer.close()
    con.close()


def test_dump_inside_transaction_leaves_it_open() -> None:
    """The caller ends its own transaction."""
    con = filled("CREATE TABLE t(a)", "BEGIN", "INSERT INTO t VALUES(1)")

    text = dumped(con)

    assert con.in_transaction
    assert 'INSERT INTO "t"' in text


def test_dump_changes_nothing_about_connection() -> None:
    """Text is read as before."""
    con = filled("CREATE TABLE t(a)")
    before = con.text_factory

    dumped(con)

    assert con.text_factory is before


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_literal_is_one_line_of_plain_characters(value: object) -> None:
    """A shell or a line reader has nothing to interpret in it."""
    text = literal(value)

    assert not any(char < " " or char == "\x7f" for char in text)
    assert filled("CREATE TABLE t(a)").execute(f"SELECT typeof({text})").fetchone() == (_type(value),)


def _type(value: object) -> str:
    names = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}
    return names[type(value)]


def test_large_table_is_dumped_and_loaded_piece_at_time(tmp_path: Path) -> None:
    """40 MB of rows need at most 24 MB of memory."""
    path = tmp_path / "a.db"
    con = open_new(path)
    con.execute("CREATE TABLE t(a)")
    con.execute("BEGIN")
    con.executemany("INSERT INTO t VALUES(zeroblob(?))", ((20_000,) for _ in range(1000)))
    con.execute("COMMIT")
    con.close()
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from sqlite_consolidate.engine.sqlite.connections import open_readonly, open_new\n"
        "from sqlite_consolidate.engine.content.dump import load_dump, write_dump\n"
        "used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open(sys.argv[2], 'w') as out: write_dump(open_readonly(Path(sys.argv[1])), out)\n"
        "con = open_new(Path(sys.argv[3])); con.execute('PRAGMA synchronous=OFF')\n"
        "with open(sys.argv[2]) as lines: load_dump(con, lines)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used\n"
        "print(grown // (1 if sys.platform == 'linux' else 1024))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, path, tmp_path / "a.sql", tmp_path / "b.db"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (tmp_path / "a.sql").stat().st_size > 40_000_000
    assert int(done.stdout) < 24_000  # KiB


@with_shell
def test_schema_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    """Python cannot pass such a statement to SQLite. The dump itself has its bytes."""
    con = filled("CREATE TABLE t(a DEFAULT 'caf?')", "INSERT INTO t DEFAULT VALUES", "PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = CAST(replace(CAST(sql AS BLOB), x'3f', x'e9') AS TEXT)")
    dump = dumped(con)

    with pytest.raises(sqlite3.OperationalError, match="only the sqlite3 shell"):
        loaded(dump)

    back = load_by_shell(dump, tmp_path)
    sql = "SELECT CAST(sql AS BLOB) FROM sqlite_schema"
    assert back.execute(sql).fetchone() == con.execute(sql).fetchone() == (b"CREATE TABLE t(a DEFAULT 'caf\xe9')",)
    back.close()
