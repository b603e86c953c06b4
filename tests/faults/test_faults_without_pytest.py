"""Test that the self-test knows neither pytest nor the name of a test.

Faults are planted between the action and the check of a stage.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sqlite_consolidate.faults

FOLDER = Path(sqlite_consolidate.faults.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))
OF_PYTEST = {"pytest", "_pytest", "pluggy"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_of_the_selftest_imports_pytest(path: Path) -> None:
    """Neither the module nor a function in it imports pytest."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]

    assert not {module.partition(".")[0] for module in modules} & OF_PYTEST


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_fault_names_a_test_function(path: Path) -> None:
    """No string and no name begins like that of a test."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    names = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    names += [node.id for node in nodes if isinstance(node, ast.Name)]
    names += [node.attr for node in nodes if isinstance(node, ast.Attribute)]

    assert [name for name in names if name.startswith("test_")] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_fault_replaces_methods_or_uses_private_attributes(path: Path) -> None:
    """No function is assigned to an attribute.

    Only the object itself uses its private attributes.
    """
    tree = ast.parse(path.read_text("utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    patched = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and (isinstance(node.value, ast.Lambda) or (isinstance(node.value, ast.Name) and node.value.id in functions))
    ]
    private = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not (node.attr.startswith("__") or ast.unparse(node.value) in ("self", "os"))
    ]

    assert patched == []
    assert private == []


def test_trial_runs_without_pytest() -> None:
    """The modules of trial processes do not import pytest either."""
    loaded = "sqlite_consolidate.faults.trials.selftest_run, sqlite_consolidate.faults.trials.trial_host"
    code = f"import sys, {loaded}; print(*sys.modules)"

    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "sqlite_consolidate.faults.trials.trial_run" in modules
    assert not {"pytest", "_pytest", "pluggy"} & set(modules)
