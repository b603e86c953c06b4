"""Import everything that a run needs, so that forked runs need not import it.

The imports happen when this module is imported, because a fork server can only be told to import a module.
"""

from __future__ import annotations

import gc
import importlib
import platform
from contextlib import suppress
from importlib.metadata import entry_points

from sqlite_consolidate.report.html.page import compile_templates

_MODULES = (
    *("pytest", "pytest_html.selfcontained_report", "_pytest.unittest", "pdb", "xml.etree.ElementTree"),
    *("libcst.native", "pathspec", "psutil", "concurrent.futures.thread", "encodings.utf_8_sig"),
    "sqlite_consolidate.pytest_plugin.startup",
    "sqlite_consolidate.pytest_plugin.fixtures",
    "sqlite_consolidate.pytest_plugin.gate",
    "sqlite_consolidate.pytest_plugin.outcome",
    "sqlite_consolidate.pytest_plugin.output.terminal",
    "sqlite_consolidate.engine.verbs.consolidate",
    "sqlite_consolidate.engine.run.run_lock",
    "sqlite_consolidate.engine.checks.comparison.compare",
    "sqlite_consolidate.engine.code.scanning.scan",
    "sqlite_consolidate.engine.apps.runner",
    "sqlite_consolidate.engine.apps.database_watch",
    "sqlite_consolidate.plan.loader",
    "sqlite_consolidate.report.bundle_check.checks",
    *("packaging.requirements", "email.parser"),  # pytest reads with them which plugins are installed
)

for _module in _MODULES:
    importlib.import_module(_module)
for _plugin in entry_points(group="pytest11"):
    with suppress(Exception):  # if pytest needs a plugin that cannot be loaded, it reports that itself
        _plugin.load()
compile_templates()
platform.platform()  # starts a program, and keeps its answer
gc.freeze()  # a garbage collection in a fork would copy the pages of all these objects
