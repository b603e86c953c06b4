"""A project with a package and a marker of our names runs its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.support.thorough import thorough
from tests.support.workspaces.installed import copy_package
from tests.support.workspaces.whole_run import DEADLINE, LIGHT, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "sqlite_consolidate"
DISTRIBUTION = "sqlite_consolidate-0.dist-info"
CONFIGURATION = """
[tool.pytest.ini_options]
testpaths = ["tests"]
strict_markers = true
strict_config = true
filterwarnings = ["error"]
markers = ["migrate: takes birds to the south"]
"""
FLOCK = '''"""Birds."""\n\nFLOCK = ("duck", "goose")\n'''
TESTS = """
import pytest

import migration
from migration.engine import FLOCK


def test_flock_is_complete():
    assert FLOCK == ("duck", "goose")


@pytest.mark.migrate
def test_flock_flies_south(pytestconfig):
    assert migration.__file__.startswith(str(pytestconfig.rootpath))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of an interpreter that has this package installed.

    ``.ci/run`` builds a real wheel. Here its files are copied, and the entry points are those of pyproject.toml. What
    this interpreter has installed of this project is left out, because it may be of another version.
    """
    site = tmp_path_factory.mktemp("site")
    copy_package(_source(), site / PACKAGE)
    copy_package(REPOSITORY / "tests" / "stages", site / PACKAGE / "stages")
    (site / DISTRIBUTION).mkdir()
    (site / DISTRIBUTION / "METADATA").write_text("Metadata-Version: 2.1\nName: sqlite-consolidate\nVersion: 0\n")
    (site / DISTRIBUTION / "entry_points.txt").write_text("\n".join(_entry_points()))
    for installed in _installed():
        (site / installed.name).symlink_to(installed)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    return kept | LIGHT | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}


def _source() -> Path:
    """Return the folder of the package."""
    module = sys.modules[PACKAGE].__file__
    assert module is not None
    return Path(module).parent


def _entry_points() -> Iterator[str]:
    """Yield the lines of the wheel's entry_points.txt."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {"console_scripts": project.get("scripts", {}), **project["entry-points"]}
    for group, points in groups.items():
        yield f"[{group}]"
        yield from (f"{name} = {place}" for name, place in points.items())


def _installed() -> Iterator[Path]:
    """Yield what is installed for this interpreter, except this project."""
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(folder).iterdir():
            if PACKAGE not in path.name and path.name != "__pycache__":
                yield path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a package ``migration`` and a marker ``migrate``."""
    root = tmp_path / "birds"
    (root / "migration").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "pyproject.toml").write_text(CONFIGURATION)
    (root / "migration" / "__init__.py").write_text('"""Moves birds."""\n')
    (root / "migration" / "engine.py").write_text(FLOCK)
    (root / "tests" / "test_flock.py").write_text(TESTS)
    return root


def counts(project: Path, environment: dict[str, str], *args: str) -> tuple[int, int, int]:
    """Return the exit code of pytest in the project, its tests, and those not passed."""
    # -S: what this interpreter has installed is reached through PYTHONPATH alone.
    command = [sys.executable, "-S", "-m", "pytest", "-p", "no:cacheprovider", "--junitxml=../junit.xml", *args]
    ran = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    file = project.parent / "junit.xml"
    assert file.is_file(), ran.stdout + ran.stderr
    suite = ET.parse(file).getroot()[0].attrib
    return ran.returncode, int(suite["tests"]), sum(int(suite[kind]) for kind in ("failures", "errors", "skipped"))


@pytest.mark.parametrize(
    ("args", "tests"),
    [(("-m", "migrate"), 1), *thorough(((), 2), (("-m", "not migrate"), 1), (("tests/test_flock.py",), 2))],
    ids=["marker", "bare", "without-marker", "path"],
)
def test_project_with_a_package_migration_runs_its_tests(
    project: Path, environment: dict[str, str], args: tuple[str, ...], tests: int
) -> None:
    """Its package and its marker are its own, and no run of ours begins beside them."""
    before = sorted(path.relative_to(project) for path in project.rglob("*"))

    ran = counts(project, environment, *args)

    assert ran == (0, tests, 0)
    assert sorted(path.relative_to(project) for path in project.rglob("*")) == before


@pytest.mark.thorough
@pytest.mark.parametrize(("options", "code"), [([], 4), *thorough((["-o", "strict_markers=false"], 5))])
def test_verb_without_a_workspace_gets_a_hint(
    project: Path, environment: dict[str, str], options: list[str], code: int
) -> None:
    """No test of the project has that mark, which is all that pytest alone says."""
    command = [sys.executable, "-S", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-m", "verify", *options]

    ran = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )

    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "pytest -m verify --workspace=DIR [no-run-named]" in ran.stdout


def test_plugin_is_active_and_costs_a_project_little(project: Path, environment: dict[str, str]) -> None:
    """It imports what decides whether a run is named, and nothing of what a run needs."""
    command = [sys.executable, "-S", "-X", "importtime", "-m", "pytest", "-p", "no:cacheprovider", "--trace-config"]

    ran = subprocess.run(
        [*command, "--collect-only"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )

    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "sqlite-consolidate-0 at " in ran.stdout
    # Python does not list the modules that pytest itself imports for an entry point.
    assert {name for name in imported if name.startswith(f"{PACKAGE}.")} == {
        f"{PACKAGE}.engine",
        f"{PACKAGE}.engine.run",
        f"{PACKAGE}.engine.run.modes",
    }
    assert imported.isdisjoint({"pydantic", "libcst", "sqlite_utils"})
