"""Run one trial for each seed, and count how they ended."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Trial = Callable[[int, Path], Iterable[str]]

_PROCESSES, _BATCH = 2, 50


@dataclass
class SeededTotals:
    """Count how trials ended, and hold each failure with its seed."""

    ends: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def run_trials(trial: Trial, seeds: Iterable[int], folder: Path) -> SeededTotals:
    """Run the trial of each seed in this process.

    Args:
        trial: Function that takes a seed and an empty folder, and returns how the trial ended, in one or more ways.
        seeds: The seeds.
        folder: Where the folders of the trials are made. Each is deleted after its trial.
    """
    totals = SeededTotals()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            try:
                totals.ends.update(trial(seed, Path(scratch)))
            except Exception as error:  # noqa: BLE001 -- each failure is reported with its seed, and the others go on
                totals.failures.append(f"seed {seed}: {type(error).__name__}: {error}")
    return totals


def run_many_trials(trial: Trial, seeds: range, folder: Path) -> SeededTotals:
    """Run the trial of each seed, several of them at the same time in processes of their own."""
    totals = SeededTotals()
    batches = [seeds[first : first + _BATCH] for first in range(0, len(seeds), _BATCH)]
    with ProcessPoolExecutor(_PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(partial(run_trials, trial, folder=folder), batches):
            totals.ends += part.ends
            totals.failures += part.failures
    return totals
