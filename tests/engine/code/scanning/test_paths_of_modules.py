"""Specify which database a file names by the folder in which it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.named_databases import mentions_of_each
from sqlite_consolidate.engine.code.rewrite import plan_rewrites
from sqlite_consolidate.engine.code.scanning.scan import find_mentions
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggestions.suggest import propose_references
from sqlite_consolidate.plan.parts.programs import Reference
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

FILES = ["db.sqlite3", "blog/db.sqlite3", "shop/db.sqlite3", "old/shop/db.sqlite3"]
FORMS = [
    'BASE_DIR = Path(__file__).resolve().parent.parent\nNAME = BASE_DIR / "db.sqlite3"\n',
    'BASE_DIR = Path(__file__).parents[1]\nNAME = (\n    BASE_DIR\n    / "db.sqlite3"\n)\n',
    'ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\nNAME = os.path.join(ROOT, "db.sqlite3")\n',
    'NAME = os.path.join(os.path.dirname(__file__), "..", "db.sqlite3")\n',
    'NAME = Path(__file__).parent / ".." / "db.sqlite3"\n',
    'ROOT = os.path.dirname(__file__)\nNAME = f"sqlite:///{ROOT}/../db.sqlite3"\n',
    'NAME = Path(__file__).parent.with_name("db.sqlite3")\n',
]


def named_by(root: Path, files: list[str]) -> list[str]:
    """Return the databases that the code of a workspace names."""
    scope = ScanScope(root, ["."], files)
    of_each = mentions_of_each(scope, find_mentions(scope).mentions)
    return [file for file, mentions in of_each.items() if mentions]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("folder", ["", "shop/", "old/shop/"])
def test_path_of_a_module_tells_databases_apart(tmp_path: Path, form: str, folder: str) -> None:
    """Each of several projects has a file of the same name."""
    write(tmp_path, f"{folder}site/settings.py", form)

    assert named_by(tmp_path, FILES) == [f"{folder}db.sqlite3"]


def test_imported_folder_tells_databases_apart(tmp_path: Path) -> None:
    """The module with the folder is not that with the name."""
    write(tmp_path, "shop/app/config.py", "from pathlib import Path\nROOT = Path(__file__).parents[1]\n")
    write(tmp_path, "shop/app/tools/store.py", 'from app.config import ROOT\nx = ROOT / "db.sqlite3"\n')

    assert named_by(tmp_path, FILES) == ["shop/db.sqlite3"]


@pytest.mark.parametrize(
    "code",
    [
        'x = Path(__file__).parent / "data" / "db.sqlite3"\n',
        'x = Path(__file__).parents[7] / "db.sqlite3"\n',
        'x = Path(__file__).parents[n] / "db.sqlite3"\n',
        'x = Path(self.parent) / "db.sqlite3"\n',
    ],
)
def test_path_without_a_database_tells_none_apart(tmp_path: Path, code: str) -> None:
    """The code may run in another folder than that of the workspace."""
    write(tmp_path, "shop/settings.py", code)

    assert named_by(tmp_path, FILES) == FILES


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = BASE_DIR / "db.sqlite3"\n', 'x = BASE_DIR.resolve().parent / "blog/db.sqlite3"\n'),
        (
            'x = os.path.join(BASE_DIR, "db.sqlite3")\n',
            'x = os.path.normpath(os.path.join(BASE_DIR, "..", "blog", "db.sqlite3"))\n',
        ),
        ('x = f"sqlite:///{BASE_DIR}/db.sqlite3"\n', 'x = f"sqlite:///{BASE_DIR}/../blog/db.sqlite3"\n'),
    ],
)
def test_source_named_like_the_target_is_replaced(tmp_path: Path, before: str, after: str) -> None:
    """The code of the target stays as it is."""
    base = "BASE_DIR = Path(__file__).resolve().parent.parent\n"
    for project in ("blog", "shop"):
        write(tmp_path, f"{project}/site/settings.py", base + before)

    proposals = propose_references(ScanScope(tmp_path, ["."], ["shop/db.sqlite3"], "blog/db.sqlite3"))
    rewrites, problems = plan_rewrites(
        tmp_path, [Reference(file=each.file, find=each.find, replace=each.replace) for each in proposals], []
    )

    assert problems == ()
    assert [(each.file, each.after.decode()) for each in rewrites] == [("shop/site/settings.py", base + after)]


RAILS = "development:\n  database: {}\n"
DEFAULTS = [
    '<%= ENV["DB"] || "db/dev.sqlite3" %>',
    '<%= ENV.fetch("DB") { "db/dev.sqlite3" } %>',
    "db/dev.sqlite3",
    "db/../db/dev.sqlite3",
]


@pytest.mark.parametrize("value", DEFAULTS)
@pytest.mark.parametrize("folder", ["", "shop/"])
def test_path_of_rails_leads_from_the_application(tmp_path: Path, folder: str, value: str) -> None:
    """The file is in the folder config of the application."""
    write(tmp_path, f"{folder}config/database.yml", RAILS.format(value))

    assert named_by(tmp_path, ["blog/db/dev.sqlite3", "db/dev.sqlite3", "shop/db/dev.sqlite3"]) == [
        f"{folder}db/dev.sqlite3"
    ]


def test_path_of_rails_to_no_database_tells_none_apart(tmp_path: Path) -> None:
    """The application may be deployed in another folder."""
    write(tmp_path, "shop/config/database.yml", RAILS.format("storage/dev.sqlite3"))

    assert named_by(tmp_path, ["blog/dev.sqlite3", "shop/dev.sqlite3"]) == ["blog/dev.sqlite3", "shop/dev.sqlite3"]


def test_path_of_rails_is_replaced(tmp_path: Path) -> None:
    """Source and target have one name in two applications."""
    for project in ("blog", "shop"):
        write(tmp_path, f"{project}/config/database.yml", RAILS.format(DEFAULTS[0]))

    [made] = propose_references(ScanScope(tmp_path, ["."], ["shop/db/dev.sqlite3"], "blog/db/dev.sqlite3"))

    assert (made.file, made.understood) == ("shop/config/database.yml", True)
    assert (made.find, made.replace) == ("db/dev.sqlite3", "../blog/db/dev.sqlite3")


def test_embedded_ruby_computes_a_name(tmp_path: Path) -> None:
    """Each environment of Rails has a file of its own."""
    write(tmp_path, "shop/config/database.yml", RAILS.format("db/<%= Rails.env %>.sqlite3"))

    assert named_by(tmp_path, ["shop/db/dev.sqlite3", "shop/db/dev.txt"]) == ["shop/db/dev.sqlite3"]
