"""Rootdir: ``--workspace DIR`` must not make pytest take DIR for the root folder, nor read the configuration there.

pytest looks for its configuration before it knows our options, and takes every argument that exists as a path for
something to test (https://docs.pytest.org/en/stable/reference/customize.html, "Finding the rootdir"). With
``--workspace ../shop`` it would then read the shop's pytest.ini and never see our conftest; ``--workspace=../shop`` is
safe. The same holds for an existing file behind an option of pytest or pytest-html. This module is the only one that
every pytest run of the environment loads (entry point ``pytest11``); it does nothing unless such a path was given and
the folder pytest was started in belongs to a harness, and then starts the same command once more with the equals sign.
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
    """Start again where pytest could be led astray by a path behind an option.

    Raises:
        pytest.UsageError: It cannot be started again because it was not started from a command line.
    """
    said = list(early_config.invocation_params.args)
    joined = with_equals_signs(said)
    if joined != said and _is_of_harness(early_config.invocation_params.dir):
        if sys.orig_argv[-len(said) :] != said:
            from sqlite_consolidate.pytest_plugin.refusals import refusal

            spelled = next(new for new, old in zip(joined, said, strict=False) if new != old).partition("=")[0]
            what = f"write the paths with an equals sign, as in {spelled}=PATH"
            raise refusal(what, id="no-equals-sign")
        sys.stdout.flush()
        command = [*sys.orig_argv[: -len(said)], *joined]
        os.execv(sys.executable, command)  # noqa: S606 -- the very command that runs now
    return (yield)


def with_equals_signs(args: Sequence[str]) -> list[str]:
    """Return arguments with each path joined to its option: ``--workspace DIR`` as ``--workspace=DIR``.

    A file of another option is joined where it exists, for pytest passes over a path that does not.
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
    """Tell whether a conftest in ``folder`` or above it names our harness."""
    conftests = [parent / "conftest.py" for parent in (folder, *folder.parents)]
    named = "sqlite_consolidate.pytest_plugin"
    return any(named in conftest.read_text("utf-8", "replace") for conftest in conftests if conftest.is_file())
