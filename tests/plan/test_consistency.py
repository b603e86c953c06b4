"""Specify the mistakes that no single part of a plan shows.

They are contradictions between parts, and SQL that does something else.
"""

from __future__ import annotations

import tomllib

import pytest

from sqlite_consolidate.plan.consistency import find_mistakes
from sqlite_consolidate.plan.ddl import statements, validate_create
from sqlite_consolidate.plan.mistakes import key_path_text

HEAD = 'target = "workspace.db"\n'
QUEUE = '[[source]]\nname = "queue"\nfile = "queue.db"\n'
TASKS = '[[source.table]]\nname = "tasks"\n'
REQUIRED = '[[table]]\nname = "d"\ncreate = "CREATE TABLE d (a)"\n'
REFERENCE = '[[reference]]\nfile = "{file}"\nfind = "{find}"\nreplace = "x"\n'


def mistakes(text: str) -> list[tuple[str, str]]:
    """Return the id of each mistake, and its place."""
    return [(mistake.id, key_path_text(mistake.loc)) for mistake in find_mistakes(tomllib.loads(text))]


@pytest.mark.parametrize(
    ("text", "where", "id", "names"),
    [
        (
            QUEUE + TASKS + QUEUE.replace("queue.db", "b.db") + TASKS,
            "source 2, name",
            "name-twice", ["queue", "source 1"],
        ),
        (
            QUEUE + TASKS + '[[source]]\nname = "b"\nfile = "./x/../queue.db"\n' + TASKS,
            "source 2, file",
            "file-twice", ["source 1"],
        ),
        (QUEUE.replace("queue.db", "./sub/../workspace.db") + TASKS, "source 1, file", "source-is-target", ["target"]),
        (QUEUE + TASKS + TASKS.upper().replace("SOURCE.TABLE", "source.table").replace("NAME", "name"),
         "source 1, table 2, name", "table-twice", ["TASKS", "table 1"]),
        (
            QUEUE + TASKS + '[[source.leave]]\ntables = ["agent_*", "t?sks"]\nreason = "r"\n',
            "source 1, leave 1, tables 2",
            "moved-and-left", ["t?sks", '"tasks"'],
        ),
        (
            QUEUE + TASKS + '[[source.leave]]\ntables = ["TASK?"]\nreason = "r"\n',
            "source 1, leave 1, tables 1",
            "moved-and-left", ["TASK?", '"tasks"'],
        ),
        (
            QUEUE + TASKS + '[[source.leave]]\nviews = []\nreason = "r"\n',
            "source 1, leave 1",
            "leaves-nothing", ["views"],
        ),
        (
            QUEUE + TASKS + '[[source.leave]]\nfiles = ["a.db"]\nreason = "r"\n',
            "source 1, leave 1, files 1",
            "leaves-nothing", ["pattern"],
        ),
        (QUEUE, "source 1", "idle-source", ["[[source.table]]"]),
        (QUEUE + "table = []\n", "source 1", "idle-source", []),
        (
            QUEUE + TASKS + 'columns = { a = "x", b = "y", c = "X" }\n',
            "source 1, table 1, columns, c",
            "two-columns-in-one", ['"c"', '"a"', '"X"'],
        ),
        (2 * '[[smoke]]\nname = "cli"\nrun = ["true"]\n', "smoke 2, name", "name-twice", ['"cli"', "smoke 1"]),
        (
            REQUIRED + REQUIRED.replace('"d"', '"D"').replace("TABLE d", "TABLE D"),
            "table 2, name",
            "name-twice", ["table 1"],
        ),
        (
            REFERENCE.format(file="a/b.py", find="f()") + REFERENCE.format(file="a/./b.py", find="f()"),
            "reference 2",
            "reference-twice", ["f()", "reference 1"],
        ),
        ('backups = "."\n', "backups", "backups-place", []),
        ('backups = "a/.."\n', "backups", "backups-place", []),
        ('backups = "data"\ntarget = "data/x/../w.db"\n', "target", "backups-place", ['"data"']),
        ('target = "backups/w.db"\n', "target", "backups-place", []),
        ('[[table]]\nname = "d"\ncreate = "CREATE TABLE e (a)"\n', "table 1, create", "bad-create", ['"e"', '"d"']),
        (
            QUEUE + TASKS + 'into = "jobs"\ncreate = "CREATE TABLE tasks (a)"\n',
            "source 1, table 1, create",
            "bad-create", ['"tasks"', '"jobs"'],
        ),
    ],
)  # fmt: skip  # the formatter would break the one that has to be put together
def test_contradiction_is_found_at_its_second_half(text: str, where: str, id: str, names: list[str]) -> None:
    """It is one mistake, at the part that contradicts an earlier one."""
    (mistake,) = find_mistakes(tomllib.loads(text if "target" in text else HEAD + text))

    assert (mistake.id, key_path_text(mistake.loc)) == (id, where)
    assert [name for name in names if name not in f"{mistake.what} {mistake.hint}"] == []


@pytest.mark.parametrize(
    "text",
    [
        QUEUE + TASKS + QUEUE.replace("queue", "other") + TASKS,
        QUEUE + '[[source.leave]]\ntables = ["*"]\nreason = "empty"\n',
        QUEUE + TASKS + '[[source.leave]]\ntables = ["TASKS2", "agent_*"]\nreason = "r"\n',
        QUEUE + TASKS + '[[source.table]]\nname = "old"\ninto = "tasks"\n',
        QUEUE + TASKS + 'columns = { a = "b", b = "a" }\n',
        QUEUE
        + TASKS
        + 'create = "CREATE TABLE tasks (a)"\n[[table]]\nname = "tasks"\ncreate = "CREATE TABLE tasks (a)"',
        'backups = "data/backups"\ntarget = "data/workspace.db"\n',
        'target = "backups.db"\n',
        REFERENCE.format(file="a.py", find="f()") + REFERENCE.format(file="b.py", find="f()"),
    ],
)
def test_valid_plan_similar_to_a_contradiction_is_accepted(text: str) -> None:
    """A valid plan is not refused."""
    assert mistakes(text if "target" in text else HEAD + text) == []


@pytest.mark.parametrize(
    "text",
    [
        "source = 3\nbackups = 1\ntarget = []\ntable = 5\nsmoke = {}\nreference = [1]",
        "[[source]]\nname = 1\nfile = []\ntable = [3, {name = 1, create = 2, columns = [1]}]\nleave = [{tables = 'x'}]",
        "[source]\ntable = {name = 'x'}",
        "table = [{create = 'CREATE TABLE x (a)'}, {name = 3, create = 'x'}, 4]",
    ],
)
def test_values_of_a_wrong_type_are_skipped(text: str) -> None:
    """Another module reports wrong types, so they raise no error here."""
    assert mistakes(text) == []


def test_statements_are_cut_where_sqlite_ends_them() -> None:
    """Semicolons in strings, names, comments and trigger bodies do not split.

    Empty statements are dropped.
    """
    table = "CREATE TABLE t (a DEFAULT ';', \"b;\" TEXT /* ; */)"
    trigger = "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = 1; DELETE FROM t; END"

    assert statements(f"-- first; of all\n{table};; {trigger} ;\n -- last; words\n/* ; */ ;") == [
        f"-- first; of all\n{table};",
        f"{trigger} ;",
    ]
    assert statements(f"{table};{trigger}") == [f"{table};", trigger]
    assert statements(" ; -- nothing") == []


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a)",
        "create table if not exists t (a INTEGER PRIMARY KEY AUTOINCREMENT, b CHECK (a > 1)); CREATE INDEX i ON t (a)",
        "-- why\nCREATE /* such */ TABLE t (a UNIQUE, b AS (a + 1)); CREATE UNIQUE INDEX j ON t (lower(a)) WHERE a > 1",
        "CREATE TABLE t (a REFERENCES elsewhere (b)); CREATE VIEW v AS SELECT * FROM elsewhere;",
        "CREATE TABLE t (a); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO o SELECT * FROM t; END;",
        "CREATE TABLE [t] (a) STRICT, WITHOUT ROWID".replace("(a)", "(a TEXT PRIMARY KEY)"),
    ],
)
def test_create_with_indexes_triggers_and_views_is_valid(sql: str) -> None:
    """The key "create" allows one table with its indexes, triggers and views."""
    assert validate_create(sql, "t") == ""


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("INSERT INTO t VALUES (1)", '"INSERT INTO"'),
        ("CREATE TABLE t (a); DROP TABLE other", '"DROP TABLE"'),
        ("CREATE TABLE t (a); ATTACH 'x.db' AS x", '"ATTACH"'),
        ("/* CREATE TABLE */ PRAGMA journal_mode = OFF", '"PRAGMA journal_mode"'),
        ("CREATE TEMP TABLE t (a)", '"CREATE TEMP"'),
        ("CREATE VIRTUAL TABLE t USING fts5 (a)", "virtual tables"),
        ("CREATE TABLE t AS SELECT 1 AS a", "AS SELECT"),
        ("CREATE TABLE t (a", "incomplete input"),
        ("CREATE TABLE t (a,, b)", 'near ","'),
        ("CREATE TABLE t (a); CREATE INDEX i ON other (a)", "main.other"),
        ("CREATE TABLE t (a); CREATE TABLE u (a)", '"t" and "u"'),
        ("CREATE TABLE T (a)", '"T"'),
        ("CREATE VIEW t AS SELECT 1", "no table"),
        ("CREATE TABLE t (a\0); CREATE INDEX i ON t (a);", "null character"),
        ("-- nothing", "no table"),
        ("", "no table"),
        ("()", '"()"'),
    ],
)
def test_sql_that_does_anything_else_is_named(sql: str, named: str) -> None:
    """Rows come only from sources.

    No object of the target is dropped or changed.
    """
    assert named in validate_create(sql, "t")


CREATED = '[[source]]\nname = "{0}"\nfile = "{0}.db"\n[[source.table]]\nname = "{1}"\n{2}create = """{3}"""\n'
LOG = "CREATE TABLE log(v, device DEFAULT 'pixel')"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (CREATED.format("b", "log", "", LOG), []),
        (CREATED.format("b", "log", "", f"\n{LOG}\n"), []),
        (CREATED.format("b", "log", 'into = "other"\n', LOG.replace("log", "other")), []),
        (CREATED.format("b", "log", "", LOG.replace("pixel", "nokia")), ["source 2, table 1, create"]),
        (CREATED.format("b", "LOG", "", LOG.replace("log", "LOG")), ["source 2, table 1, create"]),
        (CREATED.format("b", "x", 'into = "log"\n', LOG.replace("pixel", "x")), ["source 2, table 1, create"]),
        ('[[table]]\nname = "log"\ncreate = "CREATE TABLE log(v)"\n', ["source 1, table 1, create"]),
    ],
    ids=["same", "white space", "other table", "default", "case", "into", "required"],
)
def test_two_creates_of_one_table_are_a_mistake(second: str, expected: list[str]) -> None:
    """The second text would be ignored, with everything it declares.

    Equal texts are no mistake.
    """
    assert mistakes(HEAD + CREATED.format("a", "log", "", LOG) + second) == [
        ("created-twice", place) for place in expected
    ]


@pytest.mark.parametrize("new", ["a", "A"])
def test_rename_to_same_name_is_a_mistake(new: str) -> None:
    """SQLite ignores the case of names."""
    text = HEAD + QUEUE + TASKS + f'columns = {{ a = "{new}" }}\n'

    assert mistakes(text) == [("no-effect", "source 1, table 1, columns, a")]


@pytest.mark.parametrize("column", ["v COLLATE unicase", "v DEFAULT (twice(1))", "v CHECK(twice(v) > 0)"])
def test_setup_may_define_what_a_create_text_needs(column: str) -> None:
    """The preflight tries the text on connections that have it. Other mistakes stay mistakes."""
    assert validate_create(f"CREATE TABLE t(k, {column})", "t", has_setup=True) == ""
    assert validate_create("CREATE TABLE t(k, , v)", "t", has_setup=True) != ""
