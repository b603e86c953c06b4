"""Load the plugin where a run is named, and protect pytest's root folder from its paths.

Every pytest run of the environment loads this module (entry point ``pytest11``). It loads the rest of the plugin only
if the command line or the configuration names what a run works on. Elsewhere a project's marker ``migrate`` keeps its
meaning, and a bare pytest imports nothing more.

pytest looks for its configuration before it knows our options. It takes every argument that exists as a path for
a test (https://docs.pytest.org/en/stable/reference/customize.html, "Finding the rootdir"). With ``--workspace ../shop``
it would read the pytest.ini of the shop and never load our conftest. With ``--workspace=../shop`` it does not. The same
holds for an existing file behind an option of pytest or pytest-html.

If such a path was given, this module starts the same command again with equals signs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import VERBS

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

_PATH_OPTIONS = (
    *("--workspace", "--plan", "--reports", "--originals", "--bundle", "--fleet"),
    *("--target", "--sign", "--allowed-signers"),
)
_NAMES_A_RUN = ("--workspace", "--bundle", "--fleet")
_PLUGIN = "sqlite_consolidate.pytest_plugin.plugin"
_FILES_OF_OTHERS = ("--css", "--html", "--junitxml", "--junit-xml", "--log-file")

PATHS = (
    ("workspace", "DIR", "Folder that holds target, sources and code (default: the bundled sample workspace)"),
    ("plan", "FILE", "File with the plan (default: consolidation.toml in the workspace)"),
    (
        "reports",
        "DIR",
        "Folder in which each run creates a folder for its report (default: reports in the root folder)",
    ),
    (
        "allowed-signers",
        "FILE",
        "Demand that one of the signers in FILE has signed the plan (-m migrate) or the bundle (--bundle)",
    ),
)
"""Options that are configuration keys as well, each with what it takes and what it is."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the configuration keys.

    A project may configure them, and a bare pytest must not warn of an unknown key.
    """
    for name, _metavar, text in PATHS:
        parser.addini(name, f"{text}; relative to the root folder", default="")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside pytest's own wrapper, which redirects the output
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> Generator[None]:
    """Load the plugin if a run is named.

    pytest starts again if it could take a path behind an option for a test.

    Raises:
        pytest.UsageError: pytest was not started from a command line, so it cannot be started again.
    """
    arguments = list(early_config.invocation_params.args)
    joined = with_equals_signs(arguments)
    named = names_a_run(early_config, args)
    if joined != arguments and (named or _is_of_harness(early_config.invocation_params.dir)):
        if sys.orig_argv[-len(arguments) :] != arguments:
            from sqlite_consolidate.pytest_plugin.refusals import refusal

            spelled = next(new for new, old in zip(joined, arguments, strict=False) if new != old).partition("=")[0]
            fact = f"write the paths with an equals sign, as in {spelled}=PATH"
            raise refusal(fact, id="no-equals-sign")
        sys.stdout.flush()
        command = [*sys.orig_argv[: -len(arguments)], *joined]
        os.execv(sys.executable, command)  # noqa: S606 -- the very command that runs now
    if named:
        from sqlite_consolidate.pytest_plugin.commands.early_interrupt import end_at_interrupt

        early_config.add_cleanup(end_at_interrupt())
        early_config.pluginmanager.import_plugin(_PLUGIN)
        _cut_conftests_of_the_source_tree(early_config)
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Say how a run is started if ``-m`` is a verb, and no test has such a mark."""
    verb = config.option.markexpr.strip()
    without_tests = exitstatus in (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR)
    if verb in VERBS and without_tests and not config.pluginmanager.has_plugin(_PLUGIN):
        from sqlite_consolidate.text import with_message_id

        fact = f"-m {verb} started no run of sqlite-consolidate, because nothing names a workspace."
        hint = f"Name it: pytest -m {verb} --workspace=DIR"
        terminalreporter.line(with_message_id(fact, hint, id="no-run-named"))


def names_a_run(early_config: pytest.Config, args: Sequence[str]) -> bool:
    """Return whether a workspace, a bundle or a fleet is named.

    An option names one for every call. A configured workspace names one for a verb alone.

    Args:
        early_config: The configuration before any conftest.py was loaded.
        args: Arguments, with those of ``addopts`` and ``PYTEST_ADDOPTS``.
    """
    if any(str(arg).partition("=")[0] in _NAMES_A_RUN for arg in args):
        return True
    is_verb = early_config.known_args_namespace.markexpr.strip() in VERBS
    return is_verb and bool(str(early_config.getini("workspace")).strip())


def _cut_conftests_of_the_source_tree(early_config: pytest.Config) -> None:
    """Load no conftest.py above the stages of the source tree.

    This applies if pytest was started elsewhere. That conftest.py names plugins, which pytest allows in the root folder
    alone.
    """
    from sqlite_consolidate.pytest_plugin.refusals import SOURCE_STAGES, stage_folder, uses_shipped_stages

    if uses_shipped_stages(early_config) and stage_folder(early_config) == SOURCE_STAGES:
        early_config.known_args_namespace.confcutdir = str(SOURCE_STAGES)


def with_equals_signs(args: Sequence[str]) -> list[str]:
    """Return the arguments with each path joined to its option by an equals sign.

    An example is ``--workspace=DIR`` for ``--workspace DIR``. A file of another option is joined only if it exists,
    because pytest ignores a path that does not.
    """
    joined: list[str] = []
    for arg in args:
        before = joined[-1] if joined else ""
        if before in _PATH_OPTIONS or (before in _FILES_OF_OTHERS and os.path.exists(arg)):  # noqa: PTH110 -- any type of path
            joined[-1] = f"{joined[-1]}={arg}"
        else:
            joined.append(str(arg))
    return joined


def _is_of_harness(folder: Path) -> bool:
    """Return whether a conftest in ``folder`` or above it loads our plugin."""
    conftests = [parent / "conftest.py" for parent in (folder, *folder.parents)]
    named = "sqlite_consolidate.pytest_plugin"
    return any(named in conftest.read_text("utf-8", "replace") for conftest in conftests if conftest.is_file())
