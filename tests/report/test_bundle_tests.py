"""A bundle lists the tests that the stages have."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.stages import STAGES
from sqlite_consolidate.report.bundle_check.pytest_files.stage_tests import functions_of

if TYPE_CHECKING:
    import pytest


def test_list_of_tests_is_that_of_the_stages(request: pytest.FixtureRequest) -> None:
    """Each file of a stage has the tests that a report of its run has to name."""
    written = {
        path.name: {
            node.name
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        }
        for path in (request.config.rootpath / "tests" / "stages").glob("test_??_*.py")
    }

    assert written == {stage.file: set(functions_of(stage)) for stage in STAGES}
