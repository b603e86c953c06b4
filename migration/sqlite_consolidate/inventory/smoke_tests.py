"""Imports: a smoke test for each module that names a source: it can still be imported. Nothing is imported here."""

from __future__ import annotations

import ast
import importlib.util
import keyword
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.source_files import is_python
from sqlite_consolidate.inventory.classification import is_named_as_copy
from sqlite_consolidate.inventory.proposal import ProposedSmoke

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.code.old_names import Mention

_ENVIRONMENTS = (".venv", "venv", "env")
# What a module may do while it is imported, without that being more than a definition.
_DEFINES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def propose_smoke_tests(root: Path, mentions: Sequence[Mention]) -> tuple[ProposedSmoke, ...]:
    """Return a smoke test for each Python module that names a source, tests excepted.

    One that would do more than define things when it is imported, or needs packages that are not installed, is
    proposed with the question whether it can be run.
    """
    files = dict.fromkeys(mention.file for mention in mentions if mention.kind == "code" and is_python(mention.file))
    interpreter = _interpreter(root)
    return tuple(_smoke(root, file, interpreter) for file in files if not is_named_as_copy(file))


def _smoke(root: Path, file: str, interpreter: str) -> ProposedSmoke:
    folder, module = _module(root, PurePosixPath(file))
    invalid_parts = [part for part in module.split(".") if not part.isidentifier() or keyword.iskeyword(part)]
    question = f"{invalid_parts[0]!r} is no name that Python can import" if invalid_parts else ""
    if not question:
        try:
            tree = ast.parse((root / file).read_bytes())
            question = _import_side_effect(tree) or ("" if interpreter else _missing_package(root / folder, tree))
        except (SyntaxError, ValueError, OSError) as error:
            question = f"it cannot be read as Python ({error})"
    return ProposedSmoke(module, folder, interpreter, question)


def _module(root: Path, file: PurePosixPath) -> tuple[str, str]:
    """Return the folder that is to be on the path, and the module's name from there."""
    parts = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while folder.name and (root / folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return str(folder), ".".join(parts) or file.stem


def _interpreter(root: Path) -> str:
    """Return the interpreter of the workspace's own virtual environment, if it has one."""
    return next((f"{name}/bin/python" for name in _ENVIRONMENTS if (root / name / "bin" / "python").exists()), "")


def _import_side_effect(tree: ast.Module) -> str:
    """Say which line runs when the module is imported, if one does more than to define something."""
    for node in tree.body:
        guarded = isinstance(node, ast.If | ast.Try)  # "if __name__ ...", "if TYPE_CHECKING", "try: import"
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (isinstance(node, _DEFINES) or guarded or text):
            return f"its line {node.lineno} does something when it is imported"
    return ""


def _missing_package(folder: Path, tree: ast.Module) -> str:
    """Say which package the module imports that the interpreter of this run does not have."""
    for name in _imported(tree):
        package = name.partition(".")[0]
        is_local = (folder / package).is_dir() or (folder / f"{package}.py").is_file()
        if not is_local and package not in sys.stdlib_module_names and importlib.util.find_spec(package) is None:
            return f"it imports {package}, which the Python that runs pytest does not have: name an interpreter"
    return ""


def _imported(tree: ast.Module) -> Iterable[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
