"""Make records of runs by hand."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

import sqlite_consolidate
from tests.support.reports import records

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import Record


@pytest.fixture
def accepted() -> Record:
    """Return an accepted migration with everything a record can hold."""
    return records.accepted()


@pytest.fixture
def refused() -> Record:
    """Return a migration that failed while it verified and was rolled back."""
    return records.refused()


@pytest.fixture
def unfinished() -> Record:
    """Return the record that a killed run leaves, with a running stage and no end."""
    return records.unfinished()


@pytest.fixture
def hostile() -> Record:
    """Return a record with a hostile text in every place that can hold one."""
    return records.hostile()


@pytest.fixture
def record() -> Record:
    """Return an accepted run of this release with the installed pytest-html."""
    versions = {"sqlite-consolidate": sqlite_consolidate.__version__, "pytest-html": version("pytest-html"), "a": "<1>"}
    return replace(records.accepted(), versions=versions)
