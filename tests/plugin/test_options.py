"""Specify the settings that options and configuration give."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import VERBS, Mode
from sqlite_consolidate.pytest_plugin.options import settings
from sqlite_consolidate.pytest_plugin.rootdir import with_equals_signs

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = ("-p", "sqlite_consolidate.pytest_plugin.plugin")
PLUGINS = ("-p", "sqlite_consolidate.pytest_plugin.options", "-p", "sqlite_consolidate.pytest_plugin.gate")


@pytest.fixture
def root(pytester: pytest.Pytester) -> Path:
    """Return a root folder with an empty configuration."""
    pytester.makeini("[pytest]\n")
    return pytester.path.resolve()


def configure(root: Path, ini: str) -> None:
    """Write the configuration."""
    (root / "tox.ini").write_text(f"[pytest]\n{ini}\n")


def test_sample_workspace_is_the_default(pytester: pytest.Pytester, root: Path) -> None:
    """A single command works on a new machine, and names the sample."""
    chosen = settings(pytester.parseconfig(*PLUGINS))

    assert chosen.workspace == root / "reports/sample-workspace"
    assert chosen.plan == root / "reports/sample-workspace/consolidation.toml"
    assert chosen.reports == root / "reports"
    assert (chosen.sample, chosen.discard_changes) == (True, False)


def test_option_paths_are_relative_to_the_start_folder(
    pytester: pytest.Pytester, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other programs treat paths on the command line in the same way."""
    (root / "below").mkdir()
    monkeypatch.chdir(root / "below")

    chosen = settings(
        pytester.parseconfig(*PLUGINS, "--workspace=../shop", "--plan=p.toml", "--reports=out", "--discard-changes")
    )

    assert chosen.workspace == root / "shop"
    assert chosen.plan == root / "below/p.toml"
    assert chosen.reports == root / "below/out"
    assert (chosen.sample, chosen.discard_changes) == (False, True)


@pytest.mark.parametrize("value", ["data/shop.db", "{workspace}/data/../data/shop.db"])
def test_target_is_a_path_in_the_workspace(pytester: pytest.Pytester, root: Path, value: str) -> None:
    """It is that of the key of a plan, from whatever folder pytest is started."""
    target = value.format(workspace=root / "shop")

    chosen = settings(pytester.parseconfig(*PLUGINS, "--workspace=shop", f"--target={target}"))

    assert chosen.target == "data/shop.db"


def test_existing_path_is_joined_to_its_option(tmp_path: Path) -> None:
    """Otherwise pytest would take it for a test.

    pytest ignores a path that does not exist yet.
    """
    style, absent = tmp_path / "own.css", tmp_path / "junit.xml"
    style.touch()

    joined = with_equals_signs(["--css", str(style), "--junitxml", str(absent), "--workspace", "shop", "-q"])

    assert joined == [f"--css={style}", "--junitxml", str(absent), "--workspace=shop", "-q"]


def test_configuration_paths_are_relative_to_the_root_folder(
    pytester: pytest.Pytester, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not depend on the folder in which pytest is started."""
    (root / "below").mkdir()
    monkeypatch.chdir(root / "below")
    configure(root, "workspace = shop\nplan = plans/shop.toml\nreports = /var/tmp/out")

    chosen = settings(pytester.parseconfig(*PLUGINS))

    assert chosen.workspace == root / "shop"
    assert chosen.plan == root / "plans/shop.toml"
    assert str(chosen.reports) == "/var/tmp/out"
    assert not chosen.sample


def test_command_line_wins_over_the_configuration(pytester: pytest.Pytester, root: Path) -> None:
    """An option that is not given keeps its configured value."""
    configure(root, "workspace = shop\nreports = out")

    chosen = settings(pytester.parseconfig(*PLUGINS, "--workspace=other"))

    assert chosen.workspace == root / "other"
    assert chosen.plan == root / "other/consolidation.toml"
    assert chosen.reports == root / "out"


def test_configuration_may_be_native_toml(pytester: pytest.Pytester) -> None:
    """Both kinds of table that pytest 9 reads have the same meaning."""
    pytester.makepyprojecttoml('[tool.pytest]\nworkspace = "shop"\n')

    assert settings(pytester.parseconfig(*PLUGINS)).workspace == pytester.path.resolve() / "shop"


@pytest.mark.parametrize("option", ["--workspace", "--plan", "--reports"])
def test_empty_path_is_refused(pytester: pytest.Pytester, root: Path, option: str) -> None:
    """An unset variable in ``--workspace "$UNSET"`` must not mean the current folder."""
    result = pytester.runpytest_inprocess(*PLUGINS, f"--rootdir={root}", option, "")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*the path is empty*"])


def test_every_mark_of_a_stage_is_known(pytester: pytest.Pytester, root: Path) -> None:
    """With strict marks an unknown mark would stop the collection."""
    result = pytester.runpytest_inprocess(*PLUGINS, f"--rootdir={root}", "--markers")

    for mark in ("migrate", "verify", "rollback", "stage(id)", "criterion(*ids)"):
        result.stdout.fnmatch_lines([f"@pytest.mark.{mark.replace('*', '[*]')}:*"])


def test_without_the_gate_nothing_starts(pytester: pytest.Pytester, root: Path) -> None:
    """With options alone ``-m "not slow"`` would run stages."""
    result = pytester.runpytest_inprocess(*PLUGINS[:2], f"--rootdir={root}")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*sqlite_consolidate.pytest_plugin.gate is switched off*"])


def test_every_mode_has_its_texts() -> None:
    """Header, headline and page use the texts of the mode."""
    assert all(mode.verb in VERBS and mode.means and mode.word and mode.accepted for mode in Mode)


def test_help_has_an_own_group_and_explains_markers(pytester: pytest.Pytester) -> None:
    """The help lists each option below one heading.

    Each mark of a verb states the command.
    """
    asked = pytester.runpytest_inprocess(*PLUGINS, "--help").stdout.str()
    group = asked[asked.index("consolidation of SQLite databases") :].split("\n\n")[0]
    marks = pytester.runpytest_inprocess(*PLUGINS, "--markers").stdout.str()

    for option in ("--workspace", "--plan", "--reports", "--originals", "--bundle", "--discard-changes"):
        assert f"  {option}" in group
    for verb in ("migrate", "verify", "rollback", "inventory"):
        assert f"@pytest.mark.{verb}: " in marks
        assert f"pytest -m {verb}" in marks


def registered(pytester: pytest.Pytester, *plugins: str) -> tuple[set[str], set[str]]:
    """Return the options and marks that pytest lists in a separate project."""
    options = pytester.runpytest_inprocess(*plugins, "--help").stdout.str()
    marks = pytester.runpytest_inprocess(*plugins, "--markers").stdout.str()
    return set(re.findall(r"(?<=[ ,])--[a-z][\w-]*", options)), set(
        re.findall(r"^@pytest\.mark\.(\w+)", marks, re.MULTILINE)
    )


def test_shipped_plugin_registers_only_the_product(pytester: pytest.Pytester, root: Path) -> None:
    """Options and marks of this repository's tests could collide with other projects."""
    assert root.is_dir()
    known, shipped = registered(pytester), registered(pytester, *SHIPPED)

    options, marks = shipped[0] - known[0], shipped[1] - known[1]

    assert options == {
        "--workspace",
        "--plan",
        "--reports",
        "--originals",
        "--target",
        "--bundle",
        "--show-values",
        "--withhold-output",
        "--fleet",
        "--discard-changes",
        "--keep",
        "--sign",
        "--allowed-signers",
    }
    assert marks == {*VERBS, "stage", "criterion"}


@pytest.mark.parametrize("mark", ["benchmark", "crash", "long", "thorough"])
def test_marks_of_the_own_tests_are_registered_here(pytestconfig: pytest.Config, mark: str) -> None:
    """The conftest of the tests registers them, and the options of the benchmark."""
    assert [line for line in pytestconfig.getini("markers") if line.startswith(f"{mark}: ")]
    assert pytestconfig.getoption("benchmark_rows") >= 1
    assert pytestconfig.getoption("benchmark_rounds") >= 1
