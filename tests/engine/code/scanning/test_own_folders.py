"""Specify the paths that programs other than Python state from the folder of their file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.languages.own_folders import stated_paths
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggestions.shared_names import find_shared_names
from sqlite_consolidate.engine.code.suggestions.suggest import propose_references
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

CD = 'cd "$(dirname "$0")"\n'
BESIDE = (
    ("a.js", 'new D(__dirname + "/shop.db")'),
    ("a.js", 'new D(path.join(__dirname, "shop.db"))'),
    ("a.js", "new D(`${__dirname}/shop.db`)"),
    ("a.mjs", 'new D(path.join(import.meta.dirname, "shop.db"))'),
    ("a.mjs", 'new D(new URL("shop.db", import.meta.url))'),
    ("a.js", 'new D(path.join(path.dirname(__filename), "shop.db"))'),
    ("a.php", 'new SQLite3(__DIR__ . "/shop.db");'),
    ("a.php", "new PDO('sqlite:' . dirname(__FILE__) . '/shop.db');"),
    ("a.rb", 'Database.new("#{__dir__}/shop.db")'),
    ("a.rb", 'Database.new(File.join(File.dirname(__FILE__), "shop.db"))'),
    ("a.rb", 'Database.new(File.expand_path("shop.db", __dir__))'),
    ("a.sh", 'sqlite3 "$(dirname "$0")/shop.db"'),
    ("a.sh", 'sqlite3 "${0%/*}/shop.db"'),
    ("a.sh", 'HERE="$(cd "$(dirname "$0")" && pwd)"\nsqlite3 "$HERE/shop.db"'),
    ("a.sh", 'HERE=$(dirname "${BASH_SOURCE[0]}")\nsqlite3 "${HERE}"/shop.db'),
    ("a.sh", f"{CD}sqlite3 shop.db"),
    ("a.sh", 'cd "$(dirname "$0")" || exit 1\nsqlite3 ./shop.db'),
)
ABOVE = (
    ("bin/a.js", 'new D(path.join(__dirname, "..", "shop.db"))'),
    ("bin/a.php", "new SQLite3(__DIR__ . '/../shop.db');"),
    ("bin/a.php", "new SQLite3(dirname(__DIR__) . '/shop.db');"),
    ("bin/a.sh", 'cd "$(dirname "$0")/.."\nsqlite3 shop.db'),
)


@pytest.mark.parametrize(("file", "text"), [*BESIDE, *ABOVE])
def test_path_from_its_own_folder_is_known(tmp_path: Path, file: str, text: str) -> None:
    """It is a place of the old database in one folder, and one of the target in the other."""
    for folder in ("north", "south"):
        write(tmp_path, f"{folder}/{file}", f"{text}\n")
    scope = ScanScope(tmp_path, ["."], ["south/shop.db"], "north/shop.db")

    proposals = propose_references(scope)

    assert find_shared_names(scope) == []
    assert [(each.file, each.understood) for each in proposals] == [(f"south/{file}", True)]
    assert "north/shop.db" in proposals[0].replace


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.js", 'new D(folder + "/shop.db")'),
        ("a.js", 'new D(path.join(__dirname, name, "shop.db"))'),
        ("a.php", "new SQLite3($x . '/shop.db'); f(__DIR__);"),
        ("a.sh", f"{CD}cd data\nsqlite3 shop.db"),
        ("a.sh", f"sqlite3 shop.db\n{CD}"),
        ("a.sh", 'cd "$(dirname "$0")/$1"\nsqlite3 shop.db'),
    ],
)
def test_path_from_another_folder_is_asked_about(tmp_path: Path, file: str, text: str) -> None:
    """Nothing tells the folder."""
    write(tmp_path, f"south/{file}", f"{text}\n")

    shared = find_shared_names(ScanScope(tmp_path, ["."], ["south/shop.db"], "north/shop.db"))

    assert [each.files for each in shared] == [("south/shop.db",)]


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "dirname(" * 20_000 + "x", "\n" * 100_000, "'a/" * 30_000, "cd " * 30_000]
)
@pytest.mark.parametrize("file", ["a.php", "a.sh"])
def test_endless_text_does_not_block_stated_paths(file: str, text: str) -> None:
    """What follows it is still read."""
    ends = {"a.php": "\n__DIR__ . '/shop.db'", "a.sh": '\nsqlite3 "$(dirname "$0")/shop.db"'}

    paths = [each.path for each in stated_paths(file, text + ends[file], is_shell=file == "a.sh")]

    assert paths == ["shop.db"]
