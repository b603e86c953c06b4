"""Write reports for the browser by pytest-html, with the hooks of the plugin.

Each is written in a separate run.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.whole_run import DEADLINE, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from sqlite_consolidate.report.evidence import Record

_RUNS = """
import os, pickle, types
from pathlib import Path
import pytest
from sqlite_consolidate.pytest_plugin.output import html_report as report

class Shown:
    def __init__(self, record):
        self.record = record

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config):
        record = self.record
        Path("out").mkdir()
        request = types.SimpleNamespace(folder=Path("out"), mode=record.mode, run_id=record.run)
        run = types.SimpleNamespace(log=types.SimpleNamespace(stages={}))
        report.prepare(config, types.SimpleNamespace(request=request, run=run, record=lambda: record))

    def pytest_sessionfinish(self, session):
        report.finish(session.config)

top = Path.cwd()
for name, record in pickle.loads((top / "records.pickle").read_bytes()).items():
    os.chdir(top / name)
    pytest.main(["-p", "no:cacheprovider", "--import-mode=importlib", "-q", "."], plugins=[Shown(record)])
"""

_TESTS = """
import pytest

@pytest.mark.parametrize("name", ["<img src=x onerror=alert(7)>", "'\\"--><svg onload=alert(8)>"])
def test_named(name):
    print("<script>alert(9)</script>")

def test_with_subtests(subtests):
    with subtests.test("<i onclick=alert(10)>table</i>"):
        assert 84 == 85, "a row is missing"
"""

_SETTINGS = "[pytest]\ninitial_sort = original\nrender_collapsed = none\n"


def write_reports(folder: Path, records: dict[str, Record]) -> dict[str, Path]:
    """Write the report of each record, with pytest-html's table of tests with hostile names."""
    (folder / "records.pickle").write_bytes(pickle.dumps(records))
    for name in records:
        (folder / name).mkdir()
        (folder / name / "test_some.py").write_text(_TESTS, "utf-8")
        (folder / name / "pytest.ini").write_text(
            "[pytest]\ninitial_sort = original\nrender_collapsed = none\n", "utf-8"
        )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        [sys.executable, "-c", _RUNS],
        cwd=folder,
        env=environment | {"PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY / "migration", REPOSITORY)))},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    reports = {name: folder / name / "out" / "audit.html" for name in records}
    assert all(report.is_file() for report in reports.values()), done.stdout + done.stderr
    return reports


def axe_violations(page: Page, **options: object) -> dict[str, list[object]]:
    """Return the elements that violate each rule of axe.

    The policy of the page has to be off, because it keeps every script out.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    response = axe.run(page, options={"resultTypes": ["violations"], **options}).response
    return {rule["id"]: [node["target"] for node in rule["nodes"]][:5] for rule in response["violations"]}
