"""Privacy: no value of a row, and no path of this machine, is in any file of a bundle.

What an application prints is the plan's own choice, and in the report unless it is withheld.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import Before, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run
    from tests.support.workspaces.whole_run import CompletedRun

CANARY = "canary-5b1d"

# Every column of every table has the canary: key, text, number-like, blob, and in rows of target and source.
_ROWS = f"""
CREATE TABLE secrets(id TEXT PRIMARY KEY, body TEXT, raw BLOB, parent TEXT REFERENCES secrets(id));
INSERT INTO secrets VALUES ('{CANARY}-1', '{CANARY}', CAST('{CANARY}' AS BLOB), '{CANARY}-gone');
CREATE TABLE loose(word TEXT);
INSERT INTO loose VALUES ('{CANARY}'), ('{CANARY}');
"""
_TABLES = """
  [[source.table]]
  name = "secrets"

  [[source.table]]
  name = "loose"

[[reference]]"""
_TELLING = f"from app.store import titles; print(len(titles())); print('{CANARY[:6]}' + '{CANARY[6:]}')"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The workspace of one source, the canary in every column of two more tables, an application that prints it."""
    made = build_one_source(tmp_path)
    made.execute("old.db", _ROWS)
    made.edit("consolidation.toml", "\n[[reference]]", _TABLES)
    made.edit("consolidation.toml", "from app.store import titles; print(len(titles()))", _TELLING)
    return made


def bundle(ran: CompletedRun) -> dict[str, str]:
    """Every file of the run's bundle, as it is in the zip; the text of damaged UTF-8 is of no interest."""
    assert ran.folder is not None
    with zipfile.ZipFile(ran.folder.with_name(f"{ran.folder.name}.zip")) as archive:
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def leaks(ran: CompletedRun, word: str = CANARY) -> list[str]:
    """Names of the files that hold the word."""
    return [name for name, text in bundle(ran).items() if word in text or word.encode().hex() in text.lower()]


def _collide(workspace: Workspace) -> None:
    """Let a key be claimed by target and source."""
    workspace.execute("main.db", _ROWS.split("CREATE TABLE loose", maxsplit=1)[0])


def _retype(workspace: Workspace) -> None:
    """Let the target's type change a value."""
    workspace.edit("consolidation.toml", 'name = "loose"', 'name = "loose"\n  create = "CREATE TABLE loose(word INT)"')
    workspace.execute("old.db", "INSERT INTO loose VALUES ('7')")


def _check(workspace: Workspace) -> None:
    """Let a constraint of the target refuse a value."""
    create = "CREATE TABLE loose(word TEXT CHECK(length(word) < 3))"
    workspace.edit("consolidation.toml", 'name = "loose"', f'name = "loose"\n  create = "{create}"')


def _undecodable(workspace: Workspace) -> None:
    """Hold text that is no UTF-8, which SQLite's own error would quote, where it has to become UTF-16."""
    (workspace.root / "main.db").unlink()
    workspace.execute("main.db", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE people(id INTEGER PRIMARY KEY);")
    blob = (CANARY.encode() + b"\xff").hex()
    workspace.execute("old.db", f"INSERT INTO loose VALUES (CAST(x'{blob}' AS TEXT))")


def _log(workspace: Workspace) -> None:
    """Let the application write the value into its log."""
    words = f"open('{workspace.root}/app.log', 'a').write('ERROR {CANARY[:6]}' + '{CANARY[6:]}')"
    workspace.edit("consolidation.toml", "print(len(titles()));", f"print(len(titles())); {words};")


def _expect(workspace: Workspace) -> None:
    """Expect another output of the application."""
    workspace.edit("consolidation.toml", '"^3$"', '"^4$"')


def test_runs_that_are_accepted_hold_no_value(workspace: Workspace) -> None:
    """Rehearsal, migration, check and rollback of rows that point at nothing, and an application that prints them."""
    workspace.edit("consolidation.toml", f"'{CANARY[:6]}' + '{CANARY[6:]}'", "__import__('app.store').store.titles()")
    workspace.execute("old.db", f"UPDATE tasks SET title = '{CANARY}'")
    for verb in ("verify", "migrate", "verify", "rollback"):
        ran = workspace.forked(verb, "--withhold-output")

        assert ran.exit == 0, ran.text
        assert leaks(ran) == []


@pytest.mark.parametrize("spoil", [_collide, _check, _log, *thorough(_retype, _undecodable, _expect)])
def test_runs_that_are_refused_hold_no_value(workspace: Workspace, spoil: object) -> None:
    """Whatever the reason: collisions, types, constraints, text without an encoding, applications, logs."""
    assert callable(spoil)
    spoil(workspace)

    ran = workspace.forked("migrate", "--withhold-output")

    assert ran.exit in (1, 4), ran.text
    assert leaks(ran) == []


def test_what_an_application_said_is_in_the_report_unless_it_is_withheld(workspace: Workspace) -> None:
    """An auditor asks what it printed; who may not file that keeps it in the terminal."""
    _expect(workspace)

    shown = workspace.forked("verify")
    withheld = workspace.forked("verify", "--withhold-output")

    assert {name.rpartition("/")[2] for name in leaks(shown)} >= {"evidence.json", "audit.html"}
    assert CANARY in withheld.text
    assert leaks(withheld) == []
    assert "(withheld)" in str(withheld.evidence["criteria"])


def test_with_show_values_a_collision_names_its_keys_but_no_secret_ones(workspace: Workspace) -> None:
    """The first keys, short; a column whose name sounds like a secret stays masked."""
    for database in ("main.db", "old.db"):
        table = "CREATE TABLE logins(name TEXT, api_token TEXT, UNIQUE(name, api_token))"
        workspace.execute(database, f"{table}; INSERT INTO logins VALUES ('ada', '{CANARY}')")
    workspace.edit("consolidation.toml", 'name = "loose"', 'name = "loose"\n\n  [[source.table]]\n  name = "logins"')

    withheld = workspace.run("migrate")
    shown = workspace.forked("migrate", "--show-values", "--withhold-output")

    assert "[key-collision]" in withheld.text
    assert "'ada'" not in withheld.text
    assert "The key is 'ada', (masked)." in str(shown.evidence["criteria"])
    assert leaks(shown) == []


def _change_a_row(run: Run) -> None:
    """Change a row of each kind of table between copy and comparison; keys and contents hold the canary."""
    con = run.target.connection
    con.execute("UPDATE secrets SET body = body || 'x', raw = NULL")
    con.execute("DELETE FROM loose WHERE rowid = 1")
    con.execute(f"UPDATE people SET name = '{CANARY}' WHERE id = 2")


def test_row_that_differs_is_named_without_its_values(workspace: Workspace) -> None:
    """Neither report, evidence nor terminal holds a value; the row of an integer key can be found."""
    ran = workspace.forked("migrate", "--withhold-output", plugin=Before("50-verify", _change_a_row))

    assert ran.failed == {"rows-exact", "no-duplicates", "neighbours-unchanged"}
    assert CANARY not in ran.text
    assert leaks(ran) == []
    assert "row id 2 of people: column name changed" in ran.text
    rows = {one["subject"]: one["rows"] for one in ran.evidence["criteria"] if "rows" in one}
    assert rows["secrets <- old.db:secrets"]["first"] == [
        {
            "kind": "changed",
            "table": "secrets",
            "key": [{"column": "id", "value": "(masked)"}],
            "rowid": 1,
            "columns": [
                {"column": "body", "expected": "(masked)", "observed": "(masked)"},
                {"column": "raw", "expected": "(masked)", "observed": "(masked)"},
            ],
            "count": 1,
        }
    ]


def test_row_that_differs_shows_its_values_on_demand(workspace: Workspace) -> None:
    """Evidence and page have them."""
    ran = workspace.forked("migrate", "--show-values", plugin=Before("50-verify", _change_a_row))

    assert {name.rpartition("/")[2] for name in leaks(ran)} >= {"evidence.json", "audit.html"}
    rows = {one["subject"]: one["rows"] for one in ran.evidence["criteria"] if "rows" in one}
    assert rows["people"]["first"][0]["columns"] == [{"column": "name", "expected": "'Bob'", "observed": f"'{CANARY}'"}]


def test_row_that_was_changed_since_is_named_without_its_values(workspace: Workspace) -> None:
    """A check of what stands accepts it, names it in a finding, and has the record of it."""
    workspace.edit("consolidation.toml", f"'{CANARY[:6]}' + '{CANARY[6:]}'", "1")
    workspace.run("migrate")
    workspace.execute("main.db", f"UPDATE secrets SET body = '{CANARY}-2'; UPDATE people SET name = 'Eve' WHERE id = 1")

    ran = workspace.forked("verify")

    assert ran.exit == 0, ran.text
    assert leaks(ran) == []
    assert any("row id 1 of people: column name changed" in finding.text for finding in ran.findings)
    rows = {one["subject"]: one["rows"] for one in ran.evidence["criteria"] if "rows" in one}
    assert [column["column"] for column in rows["main.db: secrets"]["first"][0]["columns"]] == ["body"]


def test_the_path_of_the_workspace_is_in_the_rollback_command_alone(workspace: Workspace) -> None:
    """The command is exact, so that it can be copied; everything else is relative."""
    ran = workspace.forked("migrate")

    assert ran.exit == 0, ran.text
    root = str(workspace.root)
    command = ran.evidence["rollback"]["command"]
    assert root in command
    for name, text in bundle(ran).items():
        assert root not in text.replace(command, ""), name
        assert str(workspace.root.parent) not in text.replace(command, ""), name


def test_pytest_cannot_be_told_to_show_the_local_variables_of_a_failure(workspace: Workspace) -> None:
    """They would be rows."""
    ran = workspace.forked("migrate", "--showlocals")

    assert ran.exit == 4
    assert "values of rows" in ran.text
