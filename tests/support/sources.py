"""Parse the modules of the package."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "migration"
PACKAGE = SOURCES / "sqlite_consolidate"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "tree" not in path.relative_to(ROOT).parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the parsed source of a module. It is cached, because many tests read it."""
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a module."""
    return tuple(ast.walk(tree_of(path)))


def imports(path: Path) -> set[str]:
    """Return every module that a file imports, also inside functions and for type checking."""
    modules = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return modules


def name_of(path: Path) -> str:
    """Return the name by which a module is imported."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def forget() -> None:
    """Clear the caches, because no later test of this process reads them."""
    tree_of.cache_clear()
    nodes_of.cache_clear()
