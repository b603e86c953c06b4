"""Print the security table with ``pytest -m security tests/robustness/security``.

The long tests are included.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.security.table import Table

_TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of this folder."""
    config.addinivalue_line("markers", "security: hostile names, values and databases; prints a table of them")


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """Return the results so far."""
    return pytestconfig.stash.setdefault(_TABLE, Table())


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table."""
    if _TABLE in config.stash and "security" in config.option.markexpr:
        terminalreporter.section("security")
        for line in config.stash[_TABLE].lines():
            terminalreporter.write_line(line)
