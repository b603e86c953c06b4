"""The project's own tests use all cores when the whole suite runs and pytest-xdist is there; a part runs alone."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the number of its workers
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread a bare ``pytest`` over the cores; whoever says -n, a path, a mark or --pdb gets just that."""
    if hasattr(config, "workerinput") or "PYTEST_XDIST_WORKER" in os.environ:
        return  # a worker that spread its share over workers of its own would never end
    option = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    plain = not (option.markexpr or option.keyword or option.collectonly or getattr(option, "usepdb", False))
    if whole and plain and getattr(option, "numprocesses", 0) is None:
        option.numprocesses = os.cpu_count() or 1
