"""The modules of the package as they are written."""

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
    """The parsed source of a module, which most tests of this file look through."""
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All its nodes."""
    return tuple(ast.walk(tree_of(path)))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function, type checking included."""
    found = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def name_of(path: Path) -> str:
    """The name by which a module is imported."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def forget() -> None:
    """Let go of what was parsed: no later test of this process looks at it."""
    tree_of.cache_clear()
    nodes_of.cache_clear()
