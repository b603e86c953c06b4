"""Test that rows with equal keys in several files of one kind stay apart by a column."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.session import InventorySession
from tests.support.thorough import sampled, thorough
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

USERS = (
    "CREATE TABLE users(id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, active INT DEFAULT 1 CHECK (active < 2));"
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, login TEXT REFERENCES users(login), body TEXT);"
    "CREATE UNIQUE INDEX bodies ON notes(body); CREATE INDEX logins ON notes(login);"
    "INSERT INTO users(login) VALUES ('ada'), ('bob'), ('{0}'); INSERT INTO notes(login, body) VALUES ('bob', 'a note')"
)
TEXTS = "CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('a', {0})"
TAGS = (
    "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE); CREATE TABLE note(id INTEGER PRIMARY KEY, a);"
    "CREATE TABLE note_tag(note INTEGER REFERENCES note(id), tag INTEGER REFERENCES tag(id), PRIMARY KEY (note, tag));"
    "INSERT INTO tag VALUES (1, 'home'); INSERT INTO note VALUES (1, {0}); INSERT INTO note_tag VALUES (1, 1)"
)
MAIN = "CREATE TABLE m(a); INSERT INTO m VALUES (1), (2), (3); CREATE TABLE m2(a); INSERT INTO m2 VALUES (1);"
MAIN += "CREATE TABLE m3(a); INSERT INTO m3 VALUES (1)"


def files(sql: str, number: int = 3) -> dict[str, str]:
    """Return databases of one schema, of which each has its number as a value."""
    return {f"tenant_{place}": sql.format(place) for place in range(1, number + 1)}


def test_equal_rows_of_tenants_stay_apart(tmp_path: Path) -> None:
    """They are one decision, and the target is a new file.

    Each note stays with the user of its tenant.
    """
    refined = proposal_of(tmp_path, **files(USERS))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")
    [source] = refined.proposal.sources

    assert (source.file, source.constants) == ("tenant_*.db", (("file", "{stem}"),))
    assert (refined.objections, refined.proposal.decisions, len(source.questions)) == ((), 1, 1)
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "tenant.db")) as con:
        users = con.execute("SELECT file, login, active FROM users ORDER BY id").fetchall()
        notes = con.execute("SELECT file, login, body FROM notes JOIN users USING (file, login) ORDER BY 1").fetchall()
        indexes = {name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql > ''")}
    tenants = {"1": "tenant_1", "2": "tenant_2", "3": "tenant_3"}
    assert users == [(name, login, 1) for place, name in tenants.items() for login in ("ada", "bob", place)]
    assert notes == [(name, "bob", "a note") for name in tenants.values()]
    assert indexes == {"bodies", "logins"}


@pytest.mark.parametrize("number", sampled([3, 25], 0))
def test_different_rows_with_equal_texts_as_keys_stay_apart(tmp_path: Path, number: int) -> None:
    """One pattern has all of them beside a target, with one decision."""
    refined = proposal_of(tmp_path, main=MAIN, **files(TEXTS, number))

    [source] = refined.proposal.sources
    assert (refined.proposal.target, len(source.files), source.maps[0].into) == ("main.db", number, "t")
    assert (source.constants, source.keys) == ((("file", "{stem}"),), "")
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


@pytest.mark.thorough
def test_grown_tenants_have_the_column_as_well(tmp_path: Path) -> None:
    """The decision is the only one."""
    grown = files(USERS)
    grown["tenant_2"] += "; ALTER TABLE users ADD COLUMN phone TEXT"
    grown["tenant_3"] += "; ALTER TABLE users ADD COLUMN language TEXT"
    refined = proposal_of(tmp_path, main=MAIN, **grown)

    [source] = refined.proposal.sources
    with closing(sqlite3.connect(":memory:")) as con:
        for table in refined.proposal.tables:
            con.executescript(table.create)
        columns = [name for (name,) in con.execute("SELECT name FROM pragma_table_info('users')")]
    assert columns == ["id", "login", "active", "phone", "language", "file"]
    assert (len(source.files), refined.objections, refined.proposal.decisions) == (3, (), 1)


@pytest.mark.parametrize(("table", "column"), [("users", "source_file"), *thorough(("notes", "source_file"))])
def test_column_of_the_file_has_a_free_name(tmp_path: Path, table: str, column: str) -> None:
    """A table has a column of the first name already, which means something else."""
    databases = {name: f"{sql}; ALTER TABLE {table} ADD COLUMN File TEXT" for name, sql in files(USERS).items()}

    [source] = proposal_of(tmp_path, main=MAIN, **databases).proposal.sources

    assert source.constants == ((column, "{stem}"),)


def test_files_of_one_name_are_told_apart_by_paths(tmp_path: Path) -> None:
    """Their stems are equal."""
    databases = {f"tenants/{place}/data": sql for place, sql in files(TEXTS).items()}
    for name in databases:
        (tmp_path / name).parent.mkdir(parents=True)

    refined = proposal_of(tmp_path, main=MAIN, **databases)

    [source] = refined.proposal.sources
    assert (source.file, source.constants) == ("tenants/tenant_*/data.db", (("file", "{file}"),))
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


def test_labels_of_several_files_are_united_without_a_decision(tmp_path: Path) -> None:
    """They say nothing but their name, and only link tables refer to them."""
    refined = proposal_of(tmp_path, main=MAIN, **files(TAGS))

    [source] = refined.proposal.sources
    assert (source.constants, refined.objections, refined.proposal.decisions) == ((), (), 0)


def test_rows_shared_with_the_target_need_no_column(tmp_path: Path) -> None:
    """Its rows have no file that a column could name.

    So the rows are united, which is a decision.
    """
    sql = "CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 'same'), ('{0}', 'b')"
    refined = proposal_of(tmp_path, main=f"{MAIN}; {sql.format('m')}", **files(sql))

    [source] = refined.proposal.sources
    assert (refined.proposal.target, source.constants, len(source.questions)) == ("main.db", (), 1)
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


SYSTEMS = (
    "CREATE TABLE {1}(code INTEGER PRIMARY KEY, word, agency_id INTEGER{2});"
    "CREATE TABLE layer(name TEXT PRIMARY KEY, seen, code INTEGER REFERENCES {1}(code));"
    "CREATE TABLE tree(id INTEGER PRIMARY KEY, height);"
    "INSERT INTO {1} VALUES (0, 'none', 0), (25832, 'utm', 25832){3}; INSERT INTO layer VALUES ('tree', {0}, 25832);"
    "INSERT INTO tree VALUES (1, {0})"
)
OWN_ROWS = ", ({0} + 7, 'own', 7)"


@pytest.mark.parametrize(
    ("name", "declared", "rows", "expected", "decisions"),
    [
        ("gpkg_systems", "", "", ("keep", "skip-identical", ["layer", "tree"]), 2),
        ("systems", "", "", ("keep", "skip-identical", ["layer", "tree"]), 3),
        ("systems", " REFERENCES tree(id)", "", ("", "", ["systems", "layer", "tree"]), 1),
        ("systems", "", OWN_ROWS, ("", "", ["systems", "layer", "tree"]), 2),
    ],
)
def test_rows_of_all_files_keep_their_keys(
    tmp_path: Path, name: str, declared: str, rows: str, expected: tuple[str, str, list[str]], decisions: int
) -> None:
    """Their table needs no column, and other bytes may have their keys.

    A column of unknown meaning changes nothing, and a reference to rows with new keys does. So do rows of one file.
    """
    databases = {str(place): SYSTEMS.format(place, name, declared, rows.format(place)) for place in range(1, 4)}
    refined = proposal_of(tmp_path, **databases)

    [source] = refined.proposal.sources
    [systems] = [each for each in source.maps if each.name == name]
    wide = [table.name for table in refined.proposal.tables]
    assert (systems.keys, systems.on_conflict, wide, source.keys) == (*expected, "renumber")
    assert (refined.objections, refined.proposal.decisions) == ((), decisions)


LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT, note INTEGER REFERENCES notes(id));"


@pytest.mark.parametrize(
    "insert",
    sampled(
        [
            "INSERT INTO log(what, note) VALUES (new.body, new.id)",
            "INSERT INTO log VALUES (NULL, new.body, new.id), (NULL, lower(new.body), NULL)",
            "INSERT INTO log(what, note) SELECT new.body, new.id WHERE new.body IS NOT old.body",
        ],
        1,
    ),
)
def test_trigger_fills_the_column(tmp_path: Path, insert: str) -> None:
    """The row that fires it has the value, and its INSERT lists the columns."""
    trigger = f"CREATE TRIGGER noted AFTER UPDATE ON notes BEGIN {insert}; END"
    refined = proposal_of(tmp_path, main=MAIN, **files(f"{USERS}; {LOG} {trigger}"))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    assert [source.constants for source in refined.proposal.sources] == [(("file", "{stem}"),)]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
    record = consolidate(load_plan(file), tmp_path)
    assert record.accepted
    assert "trigger-incomplete" not in {each.id for each in record.findings}
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        con.execute("UPDATE notes SET body = 'new' WHERE file = 'tenant_2'")
        rows = con.execute("SELECT DISTINCT file FROM log WHERE what = 'new'").fetchall()
    assert rows == [("tenant_2",)]


ACCOUNTS = (
    "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE); {1};"
    "CREATE TRIGGER audits AFTER INSERT ON users BEGIN {2}; END;"
    "INSERT INTO users(email) VALUES ('admin'), ('a-{0}'), ('b-{0}')"
)
ENTITIES = "CREATE TABLE log(id INTEGER PRIMARY KEY, entity TEXT, entity_id INTEGER)"
ENTITY = "INSERT INTO log(entity, entity_id) VALUES ('user', new.id)"
CHILDREN = "CREATE TABLE log(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id))"
TEXT_LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY, email TEXT)"


def audited(log: str, insert: str) -> dict[str, str]:
    """Return databases of tenants whose users are logged by a trigger."""
    return {f"tenant_{place}": ACCOUNTS.format(place, log, insert) for place in range(1, 4)}


@pytest.mark.parametrize(
    ("log", "insert", "decisions"),
    [
        (ENTITIES, ENTITY, 1),
        *thorough(
            (CHILDREN, "INSERT INTO log(user_id) VALUES (new.id)", 1),
            (CHILDREN, "INSERT INTO log VALUES (NULL, new.id)", 1),
            (TEXT_LOG, "INSERT INTO log(email) VALUES (new.email)", 1),
        ),
    ],
)
def test_audited_tenants_are_one_source(tmp_path: Path, log: str, insert: str, decisions: int) -> None:
    """The trigger has written the log of each tenant already, and goes on in the target."""
    refined = proposal_of(tmp_path, **audited(log, insert))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert (source.file, source.keys, source.constants) == ("tenant_*.db", "renumber", (("file", "{stem}"),))
    assert (refined.objections, refined.proposal.decisions) == ((), decisions)
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "tenant.db")) as con:
        con.execute("INSERT INTO users(email, file) VALUES ('new', 'tenant_2')")
        rows = con.execute("SELECT file, count(*) FROM log GROUP BY file").fetchall()
    assert rows == [("tenant_1", 3), ("tenant_2", 4), ("tenant_3", 3)]


def test_key_in_an_unnamed_column_keeps_tenants_apart(tmp_path: Path) -> None:
    """The trigger computes a number from the key for a column without a FOREIGN KEY."""
    log = "CREATE TABLE log(id INTEGER PRIMARY KEY, subject INTEGER)"
    refined = proposal_of(tmp_path, **audited(log, "INSERT INTO log(subject) VALUES (new.id + 1)"))

    assert {source.keys for source in refined.proposal.sources} == {""}
    assert all(source.obstacle for source in refined.proposal.sources)


PAIRS = "CREATE VIEW pairs AS SELECT active, body FROM notes JOIN users ON users.login = notes.login"
MARKS = "CREATE TRIGGER marks AFTER UPDATE ON notes BEGIN UPDATE users SET active = 0 WHERE login = new.login; END"


@pytest.mark.thorough
@pytest.mark.parametrize(("user", "name"), sampled([(PAIRS, "pairs"), (MARKS, "marks")], 1))
def test_user_of_a_shared_key_stays_behind(tmp_path: Path, user: str, name: str) -> None:
    """It would use the rows of all tenants under one login, and the decision names it."""
    refined = proposal_of(tmp_path, main=MAIN, **files(f"{USERS}; {user}"))
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")

    [source] = refined.proposal.sources
    assert [leave.table for leave in source.leaves] == [name]
    assert (refined.objections, refined.proposal.decisions) == ((), 2)
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "main.db")) as con:
        assert con.execute("SELECT name FROM sqlite_schema WHERE name = ?", (name,)).fetchall() == []


@pytest.mark.thorough
def test_plan_supposes_no_view_that_stays_behind(tmp_path: Path) -> None:
    """Neither a decision about its texts nor a smoke test does."""
    versions = files(f"{USERS}; {PAIRS}") | {"tenant_2": files(f"{USERS}; {PAIRS} WHERE active")["tenant_2"]}
    (tmp_path / "store.py").write_text('DB = "tenant_2.db"\nROWS = "SELECT body FROM pairs"\n')

    refined = proposal_of(tmp_path, main=MAIN, **versions)

    [source] = refined.proposal.sources
    assert ([leave.table for leave in source.leaves], source.changed) == (["pairs"], ())
    assert [test.name for test in refined.proposal.smoke] == ["import store"]


def test_named_target_of_the_kind_has_no_column(tmp_path: Path) -> None:
    """The operator has chosen it, so the rows that are united are a decision."""
    sql = "CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 'same'), ('{0}', 'b')"
    for name, text in files(sql, 4).items():
        execute(tmp_path / f"{name}.db", text)
    session = InventorySession(tmp_path, tmp_path / "plan.toml", lambda _words: None, target="tenant_2.db")
    session.inspect_workspace()
    session.write_plan()

    assert session.refined is not None
    [source] = session.refined.proposal.sources
    assert (session.refined.proposal.target, source.constants) == ("tenant_2.db", ())
    assert (len(source.questions), session.decisions, session.refined.objections) == (1, 1, ())
