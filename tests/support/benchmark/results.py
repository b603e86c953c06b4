"""Write measurements as a table, as CSV and JSON, and as a plot."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING

from tests.support.benchmark.stage_costs import StageCost, stage_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WIDTH, _ROW, _LABELS = 900, 26, 430


@dataclass(frozen=True)
class Result:
    """Hold one measure.

    Attributes:
        measure: What was measured, at which size.
        ours: Median of our runs, in ``unit``.
        against: What it is compared with; ``theirs`` is its median, in the same unit.
        ratio: Median of the ratios of the pairs, each measured in one round.
        cpu: The same for the CPU seconds of all processes, which depend less on other load; 0 where there are none.
        target: Largest allowed ratio; 0 where only CPU seconds are judged.
        cpu_target: The same for CPU seconds; 0 where they are not judged.
        peak: Largest memory of our process tree, in MB; 0 where no process of ours was started.
        rounds: Number of pairs.
        lowest: Smallest ratio of a pair; 0 where no pairs were measured.
        highest: Largest ratio of a pair. Its distance to the smallest one is the noise of the machine.
    """

    measure: str
    ours: float
    against: str
    theirs: float
    ratio: float
    target: float
    unit: str
    peak: float
    rounds: int
    cpu: float = 0.0
    cpu_target: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0

    @property
    def noise(self) -> str:
        """Return the smallest and the largest ratio of a pair, or nothing for a single one."""
        return f"{self.lowest:.2f} to {self.highest:.2f}" if self.rounds > 1 and self.highest else ""

    @property
    def share(self) -> float:
        """Return the ratio as a multiple of its target, the larger of wall time and CPU seconds."""
        judged = ((self.ratio, self.target), (self.cpu, self.cpu_target))
        return max(ratio / target for ratio, target in judged if target)

    @property
    def targets(self) -> str:
        """Return the largest allowed ratios."""
        judged = (("", self.target), ("CPU ", self.cpu_target))
        return ", ".join(f"{unit}{target:.2f}" for unit, target in judged if target)

    @property
    def verdict(self) -> str:
        """Return whether the target is met, or by how much it is missed."""
        return "met" if self.share <= 1 else f"missed by {self.share - 1:.0%}"


def lines(results: Sequence[Result]) -> list[str]:
    """Return the table, a line each."""
    head = f"{'measure':<44}{'ours':>12}{'against':>12}{'ratio':>8}{'by CPU':>8}{'target':>16}{'peak MB':>9}  verdict"
    return [head] + [
        f"{result.measure:<44}{result.ours:>9.2f} {result.unit:<2}{result.theirs:>9.2f} {result.unit:<2}"
        f"{result.ratio:>8.2f}{result.cpu:>8.2f}{result.targets:>16}{result.peak or '-':>9.4}  {result.verdict}"
        for result in results
    ]


def markdown(results: Sequence[Result]) -> str:
    """Return the table as Markdown."""
    rows = [
        "| measure | ours | against | ratio | of pairs | by CPU | target | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {result.measure} | {result.ours:.2f} {result.unit} | {result.against}: {result.theirs:.2f} {result.unit}"
        f" | {result.ratio:.2f} | {result.noise}"
        f" | {f'{result.cpu:.2f}' if result.cpu else ''} | {result.targets} | {result.verdict} |"
        for result in results
    ]
    return "\n".join(rows) + "\n"


@dataclass
class Benchmark:
    """Collect what one run of the benchmark measured.

    Attributes:
        results: All measures, in their order.
        stages: Costs of the stages of the best run by hand's migration; empty if it was not measured.
    """

    results: list[Result] = field(default_factory=list)
    stages: list[StageCost] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Benchmark:
        """Return what is in ``benchmark.json``."""
        data = json.loads(file.read_text("utf-8"))
        results = [{name: value for name, value in row.items() if name != "verdict"} for row in data["results"]]
        return cls([Result(**row) for row in results], [StageCost(**stage) for stage in data["stages"]])

    def write(self, folder: Path, about: dict[str, str]) -> None:
        """Write the results as CSV, JSON, Markdown and SVG, and replace older files."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{**asdict(result), "verdict": result.verdict} for result in self.results]
        with (folder / "benchmark.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        data = {"about": about, "results": rows, "stages": [asdict(stage) for stage in self.stages]}
        (folder / "benchmark.json").write_text(json.dumps(data, indent=1), "utf-8")
        (folder / "benchmark.md").write_text(f"{markdown(self.results)}\n{stage_table(self.stages)}", "utf-8")
        (folder / "benchmark.svg").write_text(_plot(self.results), "utf-8")


def _plot(results: Sequence[Result]) -> str:
    """Draw a bar for each ratio in units of its target.

    A bar that ends left of the line meets the target.
    """
    scale = (_WIDTH - _LABELS - 60) / max(2.0, *(result.share for result in results))
    parts = []
    for at, result in enumerate(results):
        top, width = 30 + at * _ROW, result.share * scale
        colour = "#2e7d32" if result.share <= 1 else "#c62828"
        label = escape(f"{result.measure} ({result.ratio:.2f}, target {result.targets})")
        parts.append(f'<text x="{_LABELS - 8}" y="{top + 15}" text-anchor="end">{label}</text>')
        parts.append(f'<rect x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_ROW - 8}" fill="{colour}"/>')
    height = 40 + len(results) * _ROW
    line = f'<line x1="{_LABELS + scale:.1f}" x2="{_LABELS + scale:.1f}" y1="20" y2="{height - 10}" stroke="#333"/>'
    mark = f'<text x="{_LABELS + scale:.1f}" y="14" text-anchor="middle">target</text>'
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    style = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{line}{mark}{"".join(parts)}</svg>\n'
