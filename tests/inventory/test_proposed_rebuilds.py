"""Test that a proposal rebuilds search indexes, or leaves them by one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.proposed_parts import ProposedRefers
from sqlite_consolidate.plan.loader import load
from tests.support.thorough import thorough
from tests.support.workspaces.inventory_folder import objections_to, proposal_of

if TYPE_CHECKING:
    from pathlib import Path

ROWS = "CREATE TABLE message(id INTEGER PRIMARY KEY, body TEXT);"
OTHER = "CREATE TABLE other(a); INSERT INTO other VALUES(1);"
WRITES = (
    "CREATE TRIGGER follows AFTER INSERT ON message BEGIN INSERT INTO words(rowid, body) VALUES(new.id, new.body); END;"
)
FTS5 = f"CREATE VIRTUAL TABLE words USING fts5(body, content=message, content_rowid=id); {WRITES}"
KINDS = {
    "FTS5": FTS5,
    "FTS4": f'CREATE VIRTUAL TABLE words USING fts4(body, content="message"); {WRITES}',
    "FTS5 without content": f"CREATE VIRTUAL TABLE words USING fts5(body, content=''); {WRITES}",
    "FTS4 without content": f"CREATE VIRTUAL TABLE words USING fts4(body, content=''); {WRITES}",
}
OWN = {
    "FTS3": f"CREATE VIRTUAL TABLE words USING fts3(body); {WRITES}",
    "R-tree": "CREATE VIRTUAL TABLE words USING rtree(id, low, high, +body);"
    + WRITES.replace("words(rowid, body) VALUES(new.id,", "words VALUES(new.id, 0, 1,"),
}


def row(id: int) -> str:
    """Return a statement that adds a row."""
    return f"INSERT INTO message VALUES ({id}, 'text');"


def proposed(tmp_path: Path, main: str, phone: str) -> tuple[list[str], list[str], list[str], int]:
    """Return tables, rebuilds, leaves and decisions of a proposal that passes its rehearsal."""
    refined = proposal_of(tmp_path, main=f"{main}{OTHER}", phone=phone)
    assert refined.objections == ()
    assert objections_to(tmp_path, refined.proposal) == ()
    file = tmp_path / "read-again.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-27"), "utf-8")
    plan = load(file)
    [source] = plan.sources
    leaves = [pattern for leave in source.leave for pattern in leave.tables]
    tables = [table_map.into for table_map in refined.proposal.sources[0].maps]
    return tables, [entry.table for entry in plan.rebuilds], leaves, refined.proposal.decisions


@pytest.mark.parametrize("kind", ["FTS5", *thorough("FTS4 without content", "FTS4", "FTS5 without content")])
@pytest.mark.parametrize("role", ["both", *thorough("source", "target")])
def test_index_without_own_rows_is_rebuilt(tmp_path: Path, kind: str, role: str) -> None:
    """Nothing is left to decide, in both roles."""
    main = f"{ROWS}{KINDS[kind] if role != 'source' else ''}{row(1)}"
    phone = f"{ROWS}{KINDS[kind] if role != 'target' else ''}{row(1001)}"

    tables, rebuilds, leaves, decisions = proposed(tmp_path, main, phone)

    assert (tables, rebuilds, leaves, decisions) == (
        ["message", *(["words"] if role != "target" else [])],
        ["words"],
        [],
        0,
    )


@pytest.mark.parametrize("kind", ["R-tree", *thorough("FTS3")])
def test_index_gets_the_rows_that_its_trigger_states(tmp_path: Path, kind: str) -> None:
    """It stores its rows, and no source brings any."""
    assert proposed(tmp_path, f"{ROWS}{OWN[kind]}{row(1)}", f"{ROWS}{row(1001)}") == (["message"], ["words"], [], 0)


@pytest.mark.thorough
def test_index_that_would_lack_rows_is_rebuilt(tmp_path: Path) -> None:
    """Only the source has it, and it stores its rows."""
    phone = f"{ROWS}{OWN['R-tree']}{row(1001)}"

    assert proposed(tmp_path, f"{ROWS}{row(1)}", phone) == (["message", "words"], ["words"], [], 0)


@pytest.mark.thorough
def test_index_with_further_rows_is_copied(tmp_path: Path) -> None:
    """A rebuild would lose the row that no table has."""
    phone = f"{ROWS}{OWN['FTS3']}{row(1001)}INSERT INTO words(rowid, body) VALUES(7, 'help');"

    assert proposed(tmp_path, f"{ROWS}{row(1)}", phone) == (["message", "words"], [], [], 0)


def test_index_of_rows_that_are_kept_apart_is_left(tmp_path: Path) -> None:
    """Its content has another name in the target."""
    phone = f"{ROWS.replace('body TEXT', 'body TEXT, more')}{FTS5}INSERT INTO message VALUES(1, 'x', 'y');"

    tables, rebuilds, leaves, decisions = proposed(tmp_path, f"{ROWS}{row(1)}", phone)

    assert (tables, rebuilds, leaves, decisions) == (["phone_message"], [], ["words"], 2)
    [leave] = load(tmp_path / "read-again.toml").sources[0].leave
    assert leave.reason.startswith("words: ")


def test_index_that_gets_no_row_is_not_rebuilt(tmp_path: Path) -> None:
    """The rows of its content would collide, and are kept apart."""
    text_key = ROWS.replace("id INTEGER", "id TEXT")
    main = f"{text_key}{FTS5.replace('content_rowid=id', 'content_rowid=rowid').replace('new.id', 'new.rowid')}"
    phone = f"{text_key}INSERT INTO message VALUES (1, 'other');"

    assert proposed(tmp_path, f"{main}{row(1)}", phone) == (["phone_message"], [], [], 1)


@pytest.mark.thorough
def test_index_without_rows_is_moved_for_its_trigger(tmp_path: Path) -> None:
    """A trigger of a table that is moved could not work without it."""
    words = "CREATE VIRTUAL TABLE words USING fts5(body, content='');"
    writes = WRITES.replace("BEGIN", "WHEN new.body = 'label' BEGIN")
    phone = f"{ROWS}{words}{writes}{row(1001)}"

    assert proposed(tmp_path, f"{ROWS}{row(1)}", phone) == (["message", "words"], ["words"], [], 0)


@pytest.mark.thorough
def test_index_that_nothing_explains_is_left(tmp_path: Path) -> None:
    """The operator has to find out from which rows it is derived."""
    words = "CREATE VIRTUAL TABLE words USING fts5(body, content=''); INSERT INTO words(rowid, body) VALUES(1, 'x');"

    tables, rebuilds, leaves, decisions = proposed(tmp_path, f"{ROWS}{row(1)}", f"{ROWS}{words}{row(1001)}")

    assert (tables, rebuilds, leaves, decisions) == (["message"], [], ["words"], 1)


@pytest.mark.parametrize(("first", "keys"), [*thorough((101, "")), (1, "renumber")])
def test_index_that_its_application_computes_is_copied(tmp_path: Path, first: int, keys: str) -> None:
    """Its rowids are those of its rows, and follow their new keys."""
    index, trigger = OWN["R-tree"].split("CREATE TRIGGER")
    trigger = trigger.replace("INSERT INTO words VALUES(new.id, 0,", "REPLACE INTO words VALUES(new.id, f(new.body),")
    area = "INSERT INTO message VALUES ({0}, '{1}'); INSERT INTO words VALUES ({0}, 1, 2, '{1}');"
    main, phone = (
        f"{ROWS}{index}{area.format(id, name)}CREATE TRIGGER{trigger}" for id, name in ((1, "x"), (first, "y"))
    )

    refined = proposal_of(tmp_path, main=f"{main}{OTHER}", phone=phone)

    [source] = refined.proposal.sources
    assert (refined.objections, refined.proposal.decisions, source.keys) == ((), 0, keys)
    assert [(each.into, each.refers) for each in source.maps] == [
        ("message", ()),
        ("words", (ProposedRefers("rowid", "message.id"),) if keys else ()),
    ]
