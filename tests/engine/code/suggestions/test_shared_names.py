"""Specify which places can mean an old database with the file name of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.rewrite import plan_rewrites_in_part
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggestions.shared_names import find_shared_names, shared_name_findings
from sqlite_consolidate.plan.parts.programs import Exemption, Reference
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

URL = "url: sqlite:///log.db\n"
NESTED = "DB=data/log.db\n"


@pytest.mark.parametrize(
    ("target", "databases", "file", "text", "meant"),
    [
        ("b/log.db", ["a/log.db"], "a/app.yaml", URL, [["a/log.db"]]),
        ("b/log.db", ["a/log.db"], "b/app.yaml", URL, []),
        ("b/log.db", ["a/log.db"], "app.py", 'x = LOGS / "log.db"\n', [["a/log.db"]]),
        ("b/log.db", ["a/log.db"], "app.py", 'x = "a/log.db"\ny = "b/log.db"\n', []),
        ("b/log.db", ["a/log.db"], "app.py", "# log.db\n", []),
        ("b/log.db", ["a/log.db", "c/log.db"], "app.yaml", URL, [["a/log.db", "c/log.db"]]),
        ("b/log.db", ["a/other.db"], "app.yaml", URL, []),
        ("log.db", ["a/log.db"], "a/app.yaml", URL, [["a/log.db"]]),
        ("log.db", ["a/log.db"], "app.yaml", URL, []),
        ("b/data/log.db", ["a/data/log.db"], "a/.env", NESTED, [["a/data/log.db"]]),
        ("b/data/log.db", ["a/data/log.db"], "b/.env", NESTED, []),
    ],
)
def test_place_without_a_folder_can_mean_several(
    tmp_path: Path, target: str, databases: list[str], file: str, text: str, meant: list[list[str]]
) -> None:
    """The folder of its own file says which one, and else the workspace does."""
    write(tmp_path, file, text)

    shared = find_shared_names(ScanScope(tmp_path, ["."], databases, target))

    assert [list(each.files) for each in shared] == meant


@pytest.mark.parametrize(
    "text",
    [
        "def test_x(tmp_path): x = tmp_path / 'log.db'",
        "def test_x(*, tmpdir): x = tmpdir.join('log.db')",
        "def test_x(tmp_path):\n    folder = tmp_path / 'sub'\n    x = str(folder / name / 'log.db')",
        "def test_x(tmp_path): x = f'sqlite:///{tmp_path}/log.db'",
        "def test_x(tmp_path_factory): x = tmp_path_factory.mktemp('a') / 'log.db'",
        "with tempfile.TemporaryDirectory() as folder:\n    x = os.path.join(folder, 'log.db')",
        "folder = TemporaryDirectory()\nx = Path(folder.name, 'log.db')",
        "class T:\n    def setUp(self): self.a = mkdtemp()\n    def test_x(self): x = self.a + '/log.db'",
    ],
)
def test_file_below_a_temporary_folder_means_none(tmp_path: Path, text: str) -> None:
    """A test opens neither the target nor a source there."""
    write(tmp_path, "test_app.py", text)

    assert find_shared_names(ScanScope(tmp_path, ["."], ["a/log.db"], "b/log.db")) == []


@pytest.mark.parametrize(
    "text",
    [
        "def test_x(tmp_path): x = ROOT / 'log.db'",
        "def test_x(tmp_path): x = tmp_path / '..' / 'log.db'",
        "def test_x(tmp_path): run(f'cp log.db {tmp_path}/x')",
        "def test_x(tmp_path): x = f'{tmp_path} log.db'",
        "def test_x(tmp_path): x = tmp_path / 'log.db'; y = 'log.db'",
        "def test_x(tmp_path=None):\n    tmp_path = 'data'\n    x = Path(tmp_path) / 'log.db'",
        "def test_x(tmp_path):\n    name = 'log.db'\n    x = tmp_path / name\n    y = open(name)",
        "x = (mkdtemp() if dry else 'data') + '/log.db'",
        "x = tmpdir + '/log.db'",
        "x = ', '.join(['log.db', gettempdir()])",
    ],
)
def test_place_beside_a_temporary_folder_can_mean_several(tmp_path: Path, text: str) -> None:
    """The name is not joined to the folder, or not in each case."""
    write(tmp_path, "test_app.py", text)

    assert len(find_shared_names(ScanScope(tmp_path, ["."], ["a/log.db"], "b/log.db"))) == 1


def test_pattern_of_folders_can_open_several(tmp_path: Path) -> None:
    """A path without one opens one file."""
    lines = (
        'TOP.glob("*/log.db")',
        'TOP.glob("**/log.db")',
        'TOP.rglob("log.db")',
        'TOP / "log.db"',
        'open("log.db", 2 */ 3)',
    )
    write(tmp_path, "app.rb", "\n".join(lines))

    shared = find_shared_names(ScanScope(tmp_path, ["."], ["a/log.db"], "b/log.db"))

    assert [each.opens_several for each in shared] == [True, True, True, False, False]


def test_replaced_and_exempt_places_are_no_finding(tmp_path: Path) -> None:
    """A finding has the line of the file before the planned rewrites."""
    write(tmp_path, "a/app.yaml", URL)
    write(tmp_path, "a/old.yaml", URL)
    write(tmp_path, "a/app.py", 'x = "a/log.db"\ny = "log.db"\n')
    references = [
        Reference(file="a/app.yaml", find="log.db", replace="../b/log.db"),
        Reference(file="a/app.py", find='"a/log.db"', replace="main()", import_="from paths import main"),
    ]
    rewrites, _, in_part = plan_rewrites_in_part(tmp_path, references, [])
    exempt = [Exemption(path="a/old.yaml", pattern="log.db", reason="it never runs")]
    scope = ScanScope(tmp_path, ["."], ["a/log.db"], "b/log.db", exempt=exempt)

    findings = shared_name_findings(tmp_path, "b/log.db", find_shared_names(scope, [*rewrites, *in_part]))

    assert [(finding.id, finding.subject) for finding in findings] == [("name-shared", "a/app.py:2")]
