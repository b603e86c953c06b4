"""Test which places in code an inventory takes for uses of a database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.inventory.inventory import take_inventory
from sqlite_consolidate.inventory.propose import propose_plan
from tests.support.scanned_trees import write
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.inventory import Inventory

STATED = 'A = "a/log.db"\nB = ROOT / "b" / "log.db"\n'


def inventory_of(root: Path, code: str, *files: str) -> Inventory:
    """Write some databases and a module, and take the inventory."""
    for number, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        execute(root / file, f"CREATE TABLE t{number}(a); INSERT INTO t{number} VALUES (1)")
    (root / "app.py").write_text(code)
    return take_inventory(root, lambda _words: None)


def lines(inventory: Inventory) -> dict[str, list[int]]:
    """Return the lines that name each database."""
    return {entry.file: [mention.line for mention in entry.mentions] for entry in inventory.entries}


def test_folder_tells_databases_of_one_name_apart(tmp_path: Path) -> None:
    """The plan has a reference for each place, and a question about the other database."""
    inventory = inventory_of(tmp_path, f'{STATED}C = "main.db"\n', "main.db", "a/log.db", "b/log.db", "c/log.db")

    assert lines(inventory) == {"main.db": [3], "a/log.db": [1], "b/log.db": [2], "c/log.db": []}
    [main] = [entry.database for entry in inventory.entries if entry.file == "main.db"]
    proposal = propose_plan(inventory, (main, "it is named"))
    assert proposal is not None
    assert [(place.line, place.understood) for place in proposal.references] == [(1, True), (2, True)]
    assert [len(source.questions) for source in proposal.sources] == [0, 0, 1]


def test_place_without_a_folder_names_each_database(tmp_path: Path) -> None:
    """The database beside the code has no folder, and is none of those with one."""
    inventory = inventory_of(tmp_path, f'{STATED}C = "log.db"\n', "log.db", "a/log.db", "b/log.db")

    assert lines(inventory) == {"log.db": [3], "a/log.db": [1, 3], "b/log.db": [2, 3]}


def test_one_resolved_place_does_not_resolve_the_others(tmp_path: Path) -> None:
    """The decision has the reference for the place that is beside the source."""
    for folder in ("house", "cottage"):
        write(tmp_path, f"{folder}/app.yaml", "url: sqlite:///log.db\n")
    inventory = inventory_of(tmp_path, 'A = "house/log.db"\nB = "cottage/log.db"\n', "house/log.db", "cottage/log.db")
    [target] = [entry.database for entry in inventory.entries if entry.file == "cottage/log.db"]

    proposal = propose_plan(inventory, (target, "it is named"))

    assert proposal is not None
    [[question]] = [source.questions for source in proposal.sources]
    assert re.findall("`(.+?)`", question) == [
        'file = "house/app.yaml"',
        'find = "log.db"',
        'replace = "../cottage/log.db"',
    ]
    assert [(place.file, place.understood) for place in proposal.references] == [("app.py", True)]


def test_place_of_several_files_chooses_no_target(tmp_path: Path) -> None:
    """Both files are as near to the root folder, and the larger one is the target."""
    inventory_of(tmp_path, 'A = "log.db"\n', "a/log.db", "b/log.db")
    execute(tmp_path / "b/log.db", "INSERT INTO t1 VALUES (2)")
    inventory = take_inventory(tmp_path, lambda _words: None)

    proposal = propose_plan(inventory)

    assert proposal is not None
    assert proposal.target == "b/log.db"


def test_further_folders_tell_databases_of_one_name_apart(tmp_path: Path) -> None:
    """Their last folders are equal as well."""
    code = 'A = "a/data/log.db"\nB = ROOT / "b" / "data" / "log.db"\nC = "data/log.db"\n'
    inventory = inventory_of(tmp_path, code, "a/data/log.db", "b/data/log.db", "c/log.db")

    assert lines(inventory) == {"a/data/log.db": [1, 3], "b/data/log.db": [2, 3], "c/log.db": []}
