"""Measure our run and another one on the same bytes, one after the other in each round."""

from __future__ import annotations

import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlite_consolidate
from sqlite_consolidate.plan.loader import load
from tests.support.benchmark.by_hand import command, sample_command
from tests.support.benchmark.measuring import Measured, measured, touch_memory
from tests.support.benchmark.results import Benchmark, Result
from tests.support.benchmark.stage_costs import costs_of
from tests.support.benchmark.workloads import build

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.benchmark.workloads import Workload

_WRITTEN = 5
"""A run writes at most five times its databases.

They go into the backup set, the dumps, the databases loaded from them, the target, and the space for a rollback.
"""

REPOSITORY = Path(sqlite_consolidate.__file__).parents[2]


@dataclass
class Pairs:
    """Measure one command against another.

    Attributes:
        folder: Scratch folder for large files.
        rounds: Number of pairs of each measure, of which the median is taken.
        benchmark: Receives the results.
    """

    folder: Path
    rounds: int
    benchmark: Benchmark

    def against_hands(
        self, work: Workload, *, name: str, target: float, cpu_target: float = 0.0, dump: bool, is_careful: bool = False
    ) -> Result:
        """Measure ``pytest -m migrate`` against the same by hand."""
        built = build(work, self.folder / "built", dump=dump)
        return self.compare(
            name,
            lambda: self.ours("migrate", built),
            f"by hand{' with dumps' if dump else ''}{' with checks' if is_careful else ''}",
            lambda: self.by_hand(command(work, dump=dump, is_careful=is_careful), built),
            target,
            cpu_target,
        )

    def compare(
        self,
        name: str,
        ours: Callable[[], Measured],
        against: str,
        theirs: Callable[[], Measured],
        target: float,
        cpu_target: float = 0.0,
    ) -> Result:
        """Measure pairs and record the result."""
        pairs = [(theirs(), ours()) for _ in range(self.rounds)]
        return self.note(
            name,
            [measured_run for _, measured_run in pairs],
            against,
            [measured_run for measured_run, _ in pairs],
            target,
            cpu_target,
        )

    def note(
        self,
        name: str,
        ours: Sequence[Measured],
        against: str,
        theirs: Sequence[Measured],
        target: float,
        cpu_target: float = 0.0,
    ) -> Result:
        """Record the medians of pairs that were measured."""
        ratios = [first.wall / second.wall for first, second in zip(ours, theirs, strict=True)]
        result = Result(
            measure=name,
            ours=statistics.median(first.wall for first in ours),
            against=against,
            theirs=statistics.median(first.wall for first in theirs),
            ratio=statistics.median(ratios),
            target=target,
            cpu_target=cpu_target,
            unit="s",
            peak=max(first.peak for first in ours),
            rounds=len(ours),
            cpu=statistics.median(
                first.cpu / second.cpu if second.cpu else 0.0 for first, second in zip(ours, theirs, strict=True)
            ),
            lowest=min(ratios),
            highest=max(ratios),
        )
        self.benchmark.results.append(result)
        return result

    def note_stages(self) -> None:
        """Record the costs of the stages of our last run."""
        newest = max((self.folder / "reports").glob("*/evidence.json"))
        self.benchmark.stages = costs_of(newest)

    def ours(self, verb: str, built: Path) -> Measured:
        """Run a verb on a copy of a workspace, as a user would."""
        with _Copy(built, self.folder / "workspace") as root:
            options = [f"--workspace={root}", f"--reports={self.folder / 'reports'}", "-p", "no:cacheprovider"]
            # Other plugins that are installed here are no part of the tool.
            options += ["-p", "no:hypothesispytest", "-p", "no:xdist"]
            return measured([sys.executable, "-m", "pytest", "-m", verb, *options], REPOSITORY, self.folder)

    def sample_by_hand(self, built: Path) -> Measured:
        """Consolidate a copy of the sample by hand, without running the applications."""
        return self.by_hand(sample_command(load(built / "consolidation.toml")), built)

    def by_hand(self, command: Sequence[str], built: Path) -> Measured:
        """Run a command in a copy of a workspace."""
        with _Copy(built, self.folder / "workspace") as root:
            return measured(command, root)


class _Copy:
    """Lend a copy of a workspace for one run, after memory for its files was in use once."""

    def __init__(self, built: Path, root: Path) -> None:
        self._built, self._root = built, root

    def __enter__(self) -> Path:
        shutil.copytree(self._built, self._root)
        touch_memory(_WRITTEN * sum(file.stat().st_size for file in self._root.rglob("*") if file.is_file()))
        return self._root

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._root)
