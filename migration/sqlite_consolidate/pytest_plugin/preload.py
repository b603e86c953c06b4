"""Warmed: a process that imports this has all that every run imports and compiles; the runs it forks need not.

It does so when it is imported, since a name to import is all that a server of forks can be told.
"""

from __future__ import annotations

import gc
import importlib
from contextlib import suppress
from importlib.metadata import entry_points

from sqlite_consolidate.report.html.page import compile_templates

_MODULES = (
    *("pytest", "pytest_html.selfcontained_report", "_pytest.unittest", "pdb", "xml.etree.ElementTree"),
    *("libcst", "pathspec", "psutil", "concurrent.futures.thread"),
    "sqlite_consolidate.pytest_plugin.startup",
    "sqlite_consolidate.pytest_plugin.fixtures",
    "sqlite_consolidate.pytest_plugin.gate",
    "sqlite_consolidate.pytest_plugin.outcome",
    "sqlite_consolidate.pytest_plugin.output.terminal",
    "sqlite_consolidate.engine.verbs.consolidate",
    "sqlite_consolidate.engine.run.run_lock",
    "sqlite_consolidate.engine.checks.compare",
    "sqlite_consolidate.engine.code.scan",
    "sqlite_consolidate.engine.apps.runner",
    "sqlite_consolidate.engine.apps.database_watch",
    "sqlite_consolidate.plan.loader",
)

for _module in _MODULES:
    importlib.import_module(_module)
for _plugin in entry_points(group="pytest11"):
    with suppress(Exception):  # one that cannot be loaded stops pytest, which says so, if it is asked for at all
        _plugin.load()
compile_templates()
gc.freeze()  # what is here stays: a collection in a fork would look through all of it, and copy its pages
