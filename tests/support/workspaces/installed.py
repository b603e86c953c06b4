"""Remember the installed distributions, and install the package, for many runs of pytest."""

from __future__ import annotations

import shutil
import sys
from functools import cache, cached_property
from importlib import import_module, metadata
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoints

_read = metadata.distributions


class Remembered(metadata.PathDistribution):
    """Read the files of a distribution once."""

    @cached_property
    def metadata(self) -> metadata.PackageMetadata:
        """Return what its ``METADATA`` states."""
        return super().metadata

    @cached_property
    def entry_points(self) -> EntryPoints:
        """Return what its ``entry_points.txt`` states."""
        return super().entry_points


def remember_installed() -> None:
    """Let this process and its forks read each installed distribution once.

    Only folders of the interpreter are remembered, because a test may install something in a folder of its own.
    """
    vars(metadata)["distributions"] = _distributions
    for distribution in _distributions():
        _ = distribution.metadata, distribution.entry_points


def prepare_forks() -> None:
    """Read and import what each run in a fork of this process would read and import again."""
    remember_installed()
    import_module("sqlite_consolidate.pytest_plugin.preload")


def copy_package(source: Path, destination: Path) -> None:
    """Copy a package with its compiled modules and templates.

    Another process may be writing one of them at this moment, under a name of its own.
    """
    shutil.copytree(source, destination, ignore=shutil.ignore_patterns("*.pyc.*", "*.jinja.*"))


def _distributions(**of: Any) -> Iterable[metadata.Distribution]:
    return _read(**of) if of else chain.from_iterable(map(_of_folder, sys.path))


def _of_folder(folder: str) -> Iterable[metadata.Distribution]:
    return _remembered(folder) if Path(folder).is_relative_to(sys.prefix) else _read(path=[folder])


@cache
def _remembered(folder: str) -> tuple[Remembered, ...]:
    return tuple(
        Remembered(distribution._path)  # noqa: SLF001 -- it has no other name
        for distribution in _read(path=[folder])
        if isinstance(distribution, metadata.PathDistribution)
    )
