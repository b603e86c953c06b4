"""Check the bundle of an earlier run without a workspace."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import sqlite_consolidate
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.stages import BUNDLE
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.report.bundle_check.checks import BUNDLE_CHECKS
from sqlite_consolidate.report.bundle_check.parse import parse_bundle
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from sqlite_consolidate.report.file_names import MANIFEST
from sqlite_consolidate.report.past_runs import parse_manifest
from sqlite_consolidate.report.signing.bundle_signature import check_approval, check_signature
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.bundle_check.parse import BundleContents


class BundleRun(Pipeline):
    """Check a bundle as a run of its own.

    Attributes:
        bundle: The files of the bundle.
    """

    def __init__(
        self, request: RunRequest, bundle: Path, on_progress: Callable[[str], None] = lambda _words: None
    ) -> None:
        """Read the files of a bundle.

        Args:
            request: The request of the operator.
            bundle: The ``.zip`` of a run, or the folder that it was unzipped to.
            on_progress: Called with a few words before each part of a long step.

        Raises:
            ProblemError: The path is no bundle, or cannot be read safely, or its run has no end.
            OSError: It cannot be read.
        """
        super().__init__(request, on_progress)
        self.bundle = read_bundle(bundle)
        self._contents: BundleContents | None = None
        about = parse_manifest(self.bundle.files[MANIFEST], "")
        if about is None:  # the criteria report a damaged manifest
            return
        if not about.finished:
            raise ProblemError(
                Problem(
                    "unfinished-run",
                    self.bundle.name,
                    f"run {one_line(about.run)} did not end, so it has no bundle. Nothing was checked.",
                    "Name the bundle of a run that ended.",
                )
            )
        text = f"The bundle is of run {about.run}, which states: {about.headline}"
        self.log.note(Finding.of("bundle-of-run", "", text))
        self.log.headline_suffix = f"Its run {about.run} states: {about.headline}"

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action of the stage, which parses evidence, manifest and plan."""
        return {BUNDLE: self._read}

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check of each criterion."""
        return {
            **{id: partial(self._check, check) for id, check in BUNDLE_CHECKS.items()},
            "bundle-signed": self._check_signatures,
        }

    def _check_signatures(self) -> list[Observation]:
        files, signers = self.bundle.files, self.request.settings.allowed_signers
        return [*check_signature(files, signers), *check_approval(files, signers, self.contents.record)]

    def _check(self, check: Callable[[BundleContents], list[Observation]]) -> list[Observation]:
        return check(self.contents)

    @property
    def has_acted(self) -> bool:
        """Return False, because a bundle is never changed."""
        return False

    @property
    def contents(self) -> BundleContents:
        """Return the parsed bundle.

        Raises:
            ProblemError: It has not been parsed.
        """
        if self._contents is None:
            raise ProblemError(
                Problem("out-of-order", self.bundle.name, "the bundle was not read.", "Perform the stage first.")
            )
        return self._contents

    def _read(self) -> None:
        self.on_progress("reading the bundle")
        self._contents = parse_bundle(self.bundle)
        if self._contents.record is not None and not self._contents.of_this_release:
            release = one_line(self._contents.record.versions["sqlite-consolidate"])
            made = f"release {release} made it (schema {self._contents.schema})"
            text = f"It was checked in part, because {made} and this is release {sqlite_consolidate.__version__}."
            self.log.note(Finding.of("checked-in-part", "", text))
            self.log.headline_suffix = f"{text} {self.log.headline_suffix}"
