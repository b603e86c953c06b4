"""Keep values of rows and paths of this machine out of every file of a bundle."""

from __future__ import annotations

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
    """Return a workspace with the canary in every column of two further tables.

    An application prints it.
    """
    made = build_one_source(tmp_path)
    made.execute("old.db", _ROWS)
    made.edit("consolidation.toml", "\n[[reference]]", _TABLES)
    made.edit("consolidation.toml", "from app.store import titles; print(len(titles()))", _TELLING)
    return made


def bundle(ran: CompletedRun) -> dict[str, str]:
    """Return the text of every file in the run's bundle."""
    return {name: data.decode("utf-8", "replace") for name, data in ran.files.items()}


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
    """Put a text that is no UTF-8 where it has to become UTF-16.

    SQLite's own error would quote it.
    """
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


@pytest.mark.parametrize("verbs", [["migrate", "rollback"], *thorough(["verify", "migrate", "verify", "rollback"])])
def test_accepted_runs_hold_no_value(workspace: Workspace, verbs: list[str]) -> None:
    """Rows without a parent and an application that prints them are in every kind of run.

    The path of the workspace is only in the commands that the operator copies.
    """
    workspace.edit("consolidation.toml", f"'{CANARY[:6]}' + '{CANARY[6:]}'", "__import__('app.store').store.titles()")
    workspace.execute("old.db", f"UPDATE tasks SET title = '{CANARY}'")
    for verb in verbs:
        ran = workspace.forked(verb, "--withhold-output")

        assert ran.exit == 0, ran.text
        assert leaks(ran) == []
        if verb == "migrate":
            commands, root = (ran.evidence["rollback"]["command"], ran.evidence["next_command"]), workspace.root
            assert all(str(root) in command for command in commands)
            texts = {name: text.replace(commands[0], "").replace(commands[1], "") for name, text in bundle(ran).items()}
            assert [name for name, text in texts.items() if str(root) in text or str(root.parent) in text] == []


@pytest.mark.parametrize("spoil", [_collide, *thorough(_check, _log, _retype, _undecodable, _expect)])
def test_refused_runs_hold_no_value(workspace: Workspace, spoil: object) -> None:
    """The reasons are collisions, types, constraints, encodings, applications and logs."""
    assert callable(spoil)
    spoil(workspace)

    ran = workspace.forked("migrate", "--withhold-output")

    assert ran.exit in (1, 4), ran.text
    assert leaks(ran) == []


@pytest.mark.thorough
def test_report_has_output_unless_it_is_withheld(workspace: Workspace) -> None:
    """An auditor asks for it, and an operator may keep it in the terminal."""
    _expect(workspace)

    shown = workspace.forked("verify")
    withheld = workspace.forked("verify", "--withhold-output")

    assert {name.rpartition("/")[2] for name in leaks(shown)} >= {"evidence.json", "audit.html"}
    assert CANARY in withheld.text
    assert leaks(withheld) == []
    assert "(withheld)" in str(withheld.evidence["criteria"])


@pytest.mark.thorough
def test_show_values_names_keys_but_masks_secrets(workspace: Workspace) -> None:
    """The first keys are shown, and a column with a secret's name stays masked."""
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
    """Change a row of each kind of table between copy and comparison.

    Keys and contents hold the canary.
    """
    con = run.target.connection
    con.execute("UPDATE secrets SET body = body || 'x', raw = NULL")
    con.execute("DELETE FROM loose WHERE rowid = 1")
    con.execute(f"UPDATE people SET name = '{CANARY}' WHERE id = 2")


@pytest.mark.thorough
def test_row_that_differs_is_named_without_its_values(workspace: Workspace) -> None:
    """The operator can find the row by its integer key."""
    ran = workspace.forked("migrate", "--withhold-output", plugin=Before("50-verify", _change_a_row))

    assert ran.failed == {"rows-exact", "no-duplicates", "neighbours-unchanged"}
    assert CANARY not in ran.text
    assert leaks(ran) == []
    assert "row id 2 of people: column name changed" in ran.text
    rows = {entry["subject"]: entry["rows"] for entry in ran.evidence["criteria"] if "rows" in entry}
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


@pytest.mark.thorough
def test_row_that_differs_shows_its_values_on_demand(workspace: Workspace) -> None:
    """Evidence and page have them."""
    ran = workspace.forked("migrate", "--show-values", plugin=Before("50-verify", _change_a_row))

    assert {name.rpartition("/")[2] for name in leaks(ran)} >= {"evidence.json", "audit.html"}
    rows = {entry["subject"]: entry["rows"] for entry in ran.evidence["criteria"] if "rows" in entry}
    assert rows["people"]["first"][0]["columns"] == [{"column": "name", "expected": "'Bob'", "observed": f"'{CANARY}'"}]


@pytest.mark.thorough
def test_row_changed_later_is_named_without_values(workspace: Workspace) -> None:
    """A later check accepts it, and names it in a finding."""
    workspace.edit("consolidation.toml", f"'{CANARY[:6]}' + '{CANARY[6:]}'", "1")
    workspace.run("migrate")
    workspace.execute("main.db", f"UPDATE secrets SET body = '{CANARY}-2'; UPDATE people SET name = 'Eve' WHERE id = 1")

    ran = workspace.forked("verify")

    assert ran.exit == 0, ran.text
    assert leaks(ran) == []
    assert any("row id 1 of people: column name changed" in finding.text for finding in ran.findings)
    rows = {entry["subject"]: entry["rows"] for entry in ran.evidence["criteria"] if "rows" in entry}
    assert [column["column"] for column in rows["main.db: secrets"]["first"][0]["columns"]] == ["body"]


def test_pytest_does_not_show_local_variables(workspace: Workspace) -> None:
    """They would hold rows."""
    ran = workspace.forked("migrate", "--showlocals")

    assert ran.exit == 4
    assert "values of rows" in ran.text
