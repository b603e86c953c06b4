"""List the checks of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.report.bundle_check import files
from sqlite_consolidate.report.bundle_check.entries import check_entries
from sqlite_consolidate.report.bundle_check.pytest_files.page import check_page
from sqlite_consolidate.report.bundle_check.verdict import check_row_counts, check_verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.bundle_check.parse import BundleContents

BUNDLE_CHECKS: dict[str, Callable[[BundleContents], list[Observation]]] = {
    "bundle-whole": files.check_files,
    "evidence-valid": files.check_schema,
    "verdict-follows": check_verdict,
    "evidence-consistent": check_entries,
    "counts-add-up": check_row_counts,
    "files-agree": lambda contents: [*files.check_agreement(contents), *check_page(contents)],
}
"""Id of each criterion of a bundle to its check. A required rehearsal passes all of them as well."""


def failed_observations(contents: BundleContents) -> list[Observation]:
    """Return each observation about a bundle that does not hold."""
    observations = [observation for check in BUNDLE_CHECKS.values() for observation in check(contents)]
    return [observation for observation in observations if not observation.holds]
