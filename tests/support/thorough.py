"""Mark the cases of a test that only ``pytest -m thorough`` runs.

A bare pytest runs some cases of each test. CI runs the others as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark import ParameterSet  # pytest has no public name for it


def thorough(*cases: object) -> list[ParameterSet]:
    """Mark cases of a parametrized test. A tuple has a value for each of its arguments."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.thorough) for case in cases]


def sampled(cases: Iterable[object], *places: int) -> list[object]:
    """Mark the cases of a list, except those at these places."""
    return [case if place in places else thorough(case)[0] for place, case in enumerate(cases)]
