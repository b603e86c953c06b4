"""Define the options, configuration keys and marks of a run, and read their values."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.modes import VERBS
from sqlite_consolidate.engine.run.request import DEFAULT_PLAN, PYTEST, Settings
from sqlite_consolidate.pytest_plugin.refusals import refusal
from sqlite_consolidate.pytest_plugin.rootdir import PATHS
from sqlite_consolidate.pytest_plugin.state import ONLY_CHECKS, PROGRAM

if TYPE_CHECKING:
    import pytest

GATE = "sqlite_consolidate.pytest_plugin.gate"

_MARKS = (
    *(f"{verb}: {means}; use exactly: pytest -m {verb}" for verb, means in VERBS.items()),
    "stage(id): the stage of a run that a test belongs to, such as '40-transfer'; it is the name of its file",
    "criterion(*ids): the criteria that a test of a stage judges, such as 'rows-counted'",
)


OPTIONS = (
    *PATHS,
    (
        "originals",
        "DIR",
        "With -m verify: judge a consolidation of another tool by the originals, or the backup set, in DIR",
    ),
    (
        "bundle",
        "FILE.zip",
        "With -m verify: check the bundle of an earlier run, or the folder it was unzipped to; needs no workspace",
    ),
    (
        "target",
        "FILE",
        "With -m inventory: propose this database as the target; its path is relative to the workspace, as in a plan",
    ),
    (
        "show-values",
        "",
        "Show values of rows in the report, such as colliding keys; long values are shortened, and secrets masked",
    ),
    (
        "withhold-output",
        "",
        "Keep the output and the log lines of applications out of the report; the terminal shows them",
    ),
    ("sign", "KEY", "Sign the manifest of the bundle with an SSH key (ssh-keygen -Y sign)"),
    ("fleet", "FILE", "Do the same in every workspace that FILE lists, each in a separate process"),
    ("discard-changes", "", "Let a rollback discard what was changed in target and archives since the migration"),
    ("keep", "N", "Remove older reports of this workspace; the N newest and those of runs that changed it stay"),
)
"""Name of each option, what it takes, and its help. One that takes nothing is a switch."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    group = parser.getgroup(
        "sqlite-consolidate", "consolidation of SQLite databases (-m inventory, verify, migrate, rollback, selftest)"
    )
    for name, metavar, text in OPTIONS:
        # A path has no default, so that None means "not given" and the configuration is read.
        kind = _number_argument if metavar == "N" else _path_argument
        keys: dict[str, Any] = {"metavar": metavar, "type": kind} if metavar else {"action": "store_true"}
        group.addoption(f"--{name}", dest=f"consolidate_{name.replace('-', '_')}", help=text, **keys)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks of stages, and check that the gate is active.

    Raises:
        pytest.UsageError: The gate was switched off (``-p no:...``). Without it stages are not protected.
    """
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)
    if not config.pluginmanager.has_plugin(GATE):
        fact = f"{GATE} is switched off, but it protects the stages."
        raise refusal(f"{fact} Leave out -p no:{GATE}.", id="plugin-off")


def settings(config: pytest.Config) -> Settings:
    """Return the settings from the command line, the configuration and the defaults.

    The command line has priority, then the configuration. A path of the command line is relative to the folder in which
    pytest was started. A path of the configuration is relative to the root folder. All returned paths are absolute,
    with symbolic links resolved, except for those of ``reports``. They need not exist.
    """
    named = _configured_path(config, "workspace")
    originals: Path | None = config.getoption("consolidate_originals")
    target: Path | None = config.getoption("consolidate_target")
    bundle, key = (config.getoption(f"consolidate_{name}") for name in ("bundle", "sign"))
    start = config.invocation_params.dir
    workspace = named or (config.rootpath / "reports" / "sample-workspace").resolve()
    return Settings(
        workspace=workspace,
        plan=_configured_path(config, "plan") or workspace / DEFAULT_PLAN,
        reports=_stated_path(config, "reports") or config.rootpath / "reports",
        discard_changes=bool(config.getoption("consolidate_discard_changes")),
        sample=named is None,
        show_values=bool(config.getoption("consolidate_show_values")),
        withhold_output=bool(config.getoption("consolidate_withhold_output")),
        originals=(start / originals).resolve() if originals else None,
        target=os.path.relpath((workspace / target).resolve(), workspace) if target else None,
        bundle=(start / bundle).resolve() if bundle else None,
        sign=(start / key).resolve() if key else None,
        allowed_signers=_configured_path(config, "allowed-signers"),
        keep=config.getoption("consolidate_keep"),
        program=config.stash.get(PROGRAM, PYTEST),
        only_checks=config.stash.get(ONLY_CHECKS, False),
        names_reports=config.getoption("consolidate_reports") is not None,
    )


def _configured_path(config: pytest.Config, name: str) -> Path | None:
    path = _stated_path(config, name)
    return path.resolve() if path else None


def _stated_path(config: pytest.Config, name: str) -> Path | None:
    """Return a path as the operator states it, so that a symbolic link in it can be refused."""
    option: Path | None = config.getoption(f"consolidate_{name.replace('-', '_')}")
    if option is not None:
        return config.invocation_params.dir / option
    key = str(config.getini(name)).strip()
    return config.rootpath / Path(key).expanduser() if key else None


def _number_argument(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is no number of runs; name a whole number from 1 on")
    return int(value)


def _path_argument(value: str) -> Path:
    """Refuse an empty path, which an unset shell variable causes.

    It would mean the current folder.
    """
    if not value.strip():
        raise argparse.ArgumentTypeError("the path is empty (an unset variable?); name a path or leave the option out")
    return Path(value).expanduser()
