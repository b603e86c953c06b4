"""Specify the command ``sqlite-consolidate``, and what it makes of a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

import sqlite_consolidate
from sqlite_consolidate.engine.run.modes import VERBS
from sqlite_consolidate.engine.run.request import CONSOLE, SQLITE_UTILS
from sqlite_consolidate.pytest_plugin.commands import console
from sqlite_consolidate.pytest_plugin.commands.console import command_line, main
from sqlite_consolidate.pytest_plugin.commands.consolidate_command import register_commands
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import LIGHT

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import Workspace

FULL = Path("/dev/full")


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    command = [sys.executable, "-m", sqlite_consolidate.__name__, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_help_names_every_verb_in_ten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Without arguments the help is shown as well."""
    codes = [main(arguments) for arguments in ([], ["--help"], ["migrate", "-h"])]

    text = capsys.readouterr().out
    assert codes == [0, 0, 0]
    assert len(text.splitlines()) <= 30
    assert all(text.count(f"\n  {verb}") == 3 for verb in VERBS)


def test_version_names_package_and_sqlite(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug report needs both."""
    assert main(["--version"]) == 0

    text = capsys.readouterr().out
    assert text.startswith(f"sqlite-consolidate {sqlite_consolidate.__version__}, SQLite 3.")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["migrat"], "Did you mean migrate?"),
        (["chek"], "Did you mean check?"),
        (["rehearse"], "Did you mean verify?"),
        (["frobnicate"], "'frobnicate' is no verb."),
        (["--workspace=shop", "verify"], "the verb comes first"),
    ],
)
def test_mistaken_verb_has_exit_code_64(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help follows the mistake."""
    assert main(arguments) == 64

    text = capsys.readouterr().err
    assert hint in text.splitlines()[0]
    assert "usage:" in text


def test_workspace_is_the_current_folder_unless_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle and a fleet need no workspace."""
    monkeypatch.chdir(tmp_path)
    named = [[], ["--workspace", "shop"], ["--bundle=x.zip"], ["--fleet", "fleet.toml"]]

    given = [[word for word in command_line("verify", options) if "space" in word] for options in named]

    assert given == [[f"--workspace={tmp_path}"], ["--workspace=shop"], [], []]


@pytest.mark.thorough
def test_option_of_nobody_is_usage_and_refusal_is_not(tmp_path: Path) -> None:
    """Both have exit code 4 in pytest, and a script could not tell them apart."""
    usage = call(tmp_path, "verify", "--worksapce=shop")
    refused = call(tmp_path, "rollback", "--json")

    assert (usage.returncode, refused.returncode) == (64, 4)
    assert "sqlite-consolidate: error: unrecognized arguments: --worksapce=shop" in usage.stderr
    assert "Did you mean --workspace by --worksapce?" in usage.stderr
    assert "usage: sqlite-consolidate VERB" in usage.stderr
    assert "file_or_dir" not in usage.stderr
    answer = json.loads(refused.stdout)
    assert (answer["verdict"], answer["exit_code"]) == ("refused", 4)
    assert "[no-plan-file]" in answer["refusal"][-1]


@pytest.mark.parametrize("program", [CONSOLE, *thorough((SQLITE_UTILS,))])
def test_refused_run_names_its_program_without_a_zip(tmp_path: Path, program: tuple[str, ...]) -> None:
    """The next command is the one with which the operator began, with absolute paths."""
    (tmp_path / "plan.toml").write_text("format = 2\n")
    options = ["--reports=out", "--plan=plan.toml"]
    script = f"import sys; from {console.__name__} import main; sys.exit(main(program={program}))"
    command = [sys.executable, "-c", script, "verify", "--json", *options]

    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    answer = json.loads(ran.stdout)
    names = (f"--workspace={tmp_path}", f"--plan={tmp_path}/plan.toml", f"--reports={tmp_path}/out")
    assert (ran.returncode, answer["exit_code"], answer["files"]["bundle"]) == (4, 4, None)
    assert answer["commands"]["next"].endswith(f"{' '.join(program)} verify {' '.join(names)}")
    assert not list((tmp_path / "out").glob("*.zip"))


@pytest.mark.thorough
def test_project_of_the_folder_does_not_change_a_run(tmp_path: Path) -> None:
    """Its configuration, its conftest.py and its marks belong to its own tests."""
    (tmp_path / "conftest.py").write_text("raise SystemExit(77)\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --frobnicate\n")

    ran = call(tmp_path, "inventory", "--json")

    answer = json.loads(ran.stdout)
    assert (ran.returncode, answer["mode"], answer["verdict"]) == (answer["exit_code"], "inventory", answer["verdict"])
    assert (tmp_path / "reports" / answer["run"] / "evidence.json").is_file()


def test_command_of_sqlite_utils_is_the_same_call() -> None:
    """Its arguments are handed over as they are."""
    group = click.Group()
    register_commands(group)

    helped = CliRunner().invoke(group, ["consolidate", "--help"])
    mistaken = CliRunner().invoke(group, ["consolidate", "migrat", "--workspace", "shop"])

    assert (helped.exit_code, mistaken.exit_code) == (0, 64)
    assert helped.output.startswith("usage: sqlite-consolidate VERB")


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["migrat"], 64), *thorough((["--help"], 0), (["verify", "--worksapce=shop"], 64), (["rollback"], 4))],
)
@pytest.mark.parametrize("redirection", [f">{FULL} 2>{FULL}", *thorough(">&- 2>&-")])
def test_lost_output_does_not_change_the_exit_code(
    tmp_path: Path, arguments: list[str], code: int, redirection: str
) -> None:
    """Neither a full disk nor a closed stream is an error of the command line."""
    command = f'exec "$0" -m {sqlite_consolidate.__name__} "$@" {redirection}'

    ran = subprocess.run(
        ["sh", "-c", command, sys.executable, *arguments], cwd=tmp_path, env=os.environ | LIGHT, check=False, timeout=60
    )

    assert ran.returncode == code


@pytest.mark.parametrize("verbs", ["", *thorough("migrate rollback")])
def test_check_never_rehearses(workspace: Workspace, verbs: str) -> None:
    """It says whether the last consolidation was rolled back, and leaves no report."""
    assert all(workspace.run(verb).exit == 0 for verb in verbs.split())
    before = sorted(workspace.reports.glob("*"))

    ran = call(workspace.root, "check", f"--reports={workspace.reports}", "--json")

    answer = json.loads(ran.stdout)
    assert (ran.returncode, answer["verdict"]) == (4, "refused")
    assert "[nothing-to-check]" in answer["refusal"][-1]
    assert ("was rolled back (" in answer["refusal"][-1]) is bool(verbs)
    assert sorted(workspace.reports.glob("*")) == before


@pytest.mark.parametrize("verbs", ["check", *thorough("verify", "migrate")])
def test_inventory_follows_a_missing_plan(tmp_path: Path, verbs: str) -> None:
    """A check is refused before the stages. Other verbs report the missing plan."""
    for verb in verbs.split():
        ran = call(tmp_path, verb, "--reports=out", "--json")

        answer = json.loads(ran.stdout)
        command = f"sqlite-consolidate inventory --workspace={tmp_path} --reports={tmp_path}/out"
        assert (ran.returncode, answer["verdict"]) == (4, "refused")
        assert "[no-plan-file]" in str(answer)
        assert (tmp_path / "out").exists() is (verb != "check")
        assert verb == "check" or answer["commands"]["next"] == command


@pytest.mark.thorough
def test_check_after_a_migration_is_a_check(workspace: Workspace) -> None:
    """It is a verify there."""
    assert workspace.run("migrate").exit == 0

    ran = call(workspace.root, "check", f"--reports={workspace.reports}", "--json")

    assert (ran.returncode, json.loads(ran.stdout)["mode"]) == (0, "check")
