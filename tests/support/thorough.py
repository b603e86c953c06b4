"""Thorough: a bare pytest tries some cases of a claim; ``pytest -m thorough``, as CI says it, tries the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet  # pytest has no public name for it


def thorough(*cases: object) -> list[ParameterSet]:
    """Mark cases of a parametrized test; a tuple has a value for each of its arguments."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.thorough) for case in cases]
