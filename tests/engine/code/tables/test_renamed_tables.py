"""Specify which code is known to read a table under its old name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.remaining import remaining_mentions, uses_of_each, uses_of_target
from sqlite_consolidate.engine.code.rewrite import plan_rewrites_in_part
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.tables.renamed_tables import find_old_table_names, old_table_findings
from sqlite_consolidate.plan.parts.programs import Reference
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOTES, BILLS, MAIN = "notes/notes.db", "bills/bills.db", "main.db"
RENAMED = {NOTES: {"tag": "notes_tag"}, BILLS: {"customer": "bills_customer"}}
READS = 'q = "SELECT name FROM tag"\n'


def places(root: Path, references: Sequence[Reference] = ()) -> list[str]:
    """Return the places with old names that some references leave."""
    scope = ScanScope(root, ["."], [NOTES, BILLS], MAIN)
    rewrites, _, in_part = plan_rewrites_in_part(root, references, [])
    planned = [*rewrites, *in_part]
    uses = uses_of_each(scope, remaining_mentions(scope, planned), planned)
    uses |= uses_of_target(scope, uses)
    return [each.subject for each in old_table_findings(scope, uses, planned, RENAMED)]


def test_code_of_a_renamed_table_is_found(tmp_path: Path) -> None:
    """A file without the name of a database opens the one that the nearest folder names."""
    write(tmp_path, "notes/store.py", f'DB = "notes.db"\n{READS}')
    write(tmp_path, "notes/web/tags.py", READS)
    write(tmp_path, "bills/store.py", f'DB = "bills.db"\n{READS}')
    write(tmp_path, "tools/list.py", f'DB = "main.db"\n{READS}')
    write(tmp_path, "README.md", "`SELECT name FROM tag` in notes.db\n")

    assert places(tmp_path) == ["notes/store.py:2", "notes/web/tags.py:1"]


OTHER_DATABASES = {
    "a.py": [
        'DB = "/var/lib/other.db"',
        "DB = os.path.join(ROOT, 'other.sqlite3')",
        'DB = f"file:{ROOT}/other.db?mode=ro"',
    ],
    "a.sh": ["sqlite3 other.db", "DB=/var/other.db"],
}
UNKNOWN_DATABASES = {
    "a.py": ["db = app.db", 'DB = "%s.db" % name', 'DB = f"{name}_a.db"', 'fail("there is no notes.db")', '"*.db"'],
    "a.sh": ["sqlite3 $NAME.db", "sqlite3 ${NAME}_a.db"],
}


@pytest.mark.parametrize(("file", "line"), [(file, line) for file, lines in OTHER_DATABASES.items() for line in lines])
def test_code_of_another_database_is_not_meant(tmp_path: Path, file: str, line: str) -> None:
    """Its table is none that the plan renames."""
    write(tmp_path, "notes/store.py", 'DB = "notes.db"\n')
    write(tmp_path, f"notes/{file}", f"{line}\n{READS}")

    assert places(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "line"), [(file, line) for file, lines in UNKNOWN_DATABASES.items() for line in lines]
)
def test_code_of_an_unknown_database_may_be_meant(tmp_path: Path, file: str, line: str) -> None:
    """A name that is computed can be that of the source."""
    write(tmp_path, "notes/store.py", 'DB = "notes.db"\n')
    write(tmp_path, f"notes/{file}", f"{line}\n{READS}")

    assert places(tmp_path) == [f"notes/{file}:2"]


def test_statement_can_mean_tables_of_two_databases(tmp_path: Path) -> None:
    """Nothing shows which of the two the connection leads to."""
    write(tmp_path, "both.py", READS)
    renamed = {NOTES: {"tag": "notes_tag"}, BILLS: {"tag": "bills_tag"}}

    [place] = find_old_table_names(ScanScope(tmp_path, ["."], [*renamed], MAIN), {"both.py": [NOTES, BILLS]}, renamed)

    assert place.into == {NOTES: "notes_tag", BILLS: "bills_tag"}


def test_planned_reference_corrects_the_name(tmp_path: Path) -> None:
    """The file counts as one that opened the old database."""
    write(tmp_path, "notes/store.py", f'DB = "notes.db"\n{READS}{READS.replace("q", "p")}')
    path = Reference(file="notes/store.py", find='"notes.db"', replace='"main.db"')
    query = Reference(
        file="notes/store.py", find='"SELECT name FROM tag"', replace='"SELECT name FROM notes_tag"', places=2
    )

    assert places(tmp_path, [path]) == ["notes/store.py:2", "notes/store.py:3"]
    assert places(tmp_path, [path, query]) == []
