"""Keep ``--workspace DIR`` from changing pytest's root folder and configuration.

pytest looks for its configuration before it knows our options. It takes every argument that exists as a path for
a test (https://docs.pytest.org/en/stable/reference/customize.html, "Finding the rootdir"). With ``--workspace ../shop``
it would read the pytest.ini of the shop and never load our conftest. With ``--workspace=../shop`` it does not. The same
holds for an existing file behind an option of pytest or pytest-html.

Every pytest run of the environment loads this module (entry point ``pytest11``). It does nothing unless such a path was
given and pytest was started in a folder that uses our plugin. Then it starts the same command again with equals signs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

_PATHS = ("--workspace", "--plan", "--reports", "--originals", "--bundle", "--fleet")
_FILES_OF_OTHERS = ("--css", "--html", "--junitxml", "--junit-xml", "--log-file")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside pytest's own wrapper, which redirects the output
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start pytest again if it could take the path behind an option for a test.

    Raises:
        pytest.UsageError: pytest was not started from a command line, so it cannot be started again.
    """
    arguments = list(early_config.invocation_params.args)
    joined = with_equals_signs(arguments)
    if joined != arguments and _is_of_harness(early_config.invocation_params.dir):
        if sys.orig_argv[-len(arguments) :] != arguments:
            from sqlite_consolidate.pytest_plugin.refusals import refusal

            spelled = next(new for new, old in zip(joined, arguments, strict=False) if new != old).partition("=")[0]
            fact = f"write the paths with an equals sign, as in {spelled}=PATH"
            raise refusal(fact, id="no-equals-sign")
        sys.stdout.flush()
        command = [*sys.orig_argv[: -len(arguments)], *joined]
        os.execv(sys.executable, command)  # noqa: S606 -- the very command that runs now
    return (yield)


def with_equals_signs(args: Sequence[str]) -> list[str]:
    """Return the arguments with each path joined to its option by an equals sign.

    An example is ``--workspace=DIR`` for ``--workspace DIR``. A file of another option is joined only if it exists,
    because pytest ignores a path that does not.
    """
    joined: list[str] = []
    for arg in args:
        before = joined[-1] if joined else ""
        if before in _PATHS or (before in _FILES_OF_OTHERS and os.path.exists(arg)):  # noqa: PTH110 -- any type of path
            joined[-1] = f"{joined[-1]}={arg}"
        else:
            joined.append(str(arg))
    return joined


def _is_of_harness(folder: Path) -> bool:
    """Return whether a conftest in ``folder`` or above it loads our plugin."""
    conftests = [parent / "conftest.py" for parent in (folder, *folder.parents)]
    named = "sqlite_consolidate.pytest_plugin"
    return any(named in conftest.read_text("utf-8", "replace") for conftest in conftests if conftest.is_file())
