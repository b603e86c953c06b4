"""Header: what pytest says first: what this run is, on which workspace, by which plan, with which SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.harness.gate import gate_mode
from migration.harness.options import settings
from migration.plan.printable import one_line

if TYPE_CHECKING:
    import pytest


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say it for a run, and for a mere listing of one; a bare pytest has nothing to say here."""
    mode = gate_mode(config)
    if mode is None:
        return []
    from migration.engine.connections import library

    said = settings(config)
    lines = [f"mode: {mode.means}"]
    if said.bundle is not None:
        lines.append(f"bundle: {said.bundle}")
    else:
        lines += [f"workspace: {said.workspace}{' (the sample)' if said.sample else ''}", f"plan: {said.plan}"]
    lines += [f"originals: {said.originals}"] if said.originals is not None else []
    return [one_line(line) for line in (*lines, f"SQLite: {library()}")]
