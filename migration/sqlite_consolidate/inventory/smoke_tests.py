"""Propose a smoke test for each module that names a source.

The smoke test imports the module. This process imports none of them.
"""

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

    from sqlite_consolidate.engine.code.scanning.old_names import Mention

_ENVIRONMENTS = (".venv", "venv", "env")
# The statements that only define names when a module is imported.
_DEFINITIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
)


def propose_smoke_tests(root: Path, mentions: Sequence[Mention]) -> tuple[ProposedSmoke, ...]:
    """Return a smoke test for each Python module that names a source, tests excepted.

    A module is a question to the operator if it would do more than define names when it is imported, or needs packages
    that are not installed.
    """
    files = dict.fromkeys(mention.file for mention in mentions if mention.kind == "code" and is_python(mention.file))
    interpreter = _interpreter(root)
    return tuple(_smoke(root, file, interpreter) for file in files if not is_named_as_copy(file))


def _smoke(root: Path, file: str, interpreter: str) -> ProposedSmoke:
    folder, module = _module(root, PurePosixPath(file))
    invalid_parts = [part for part in module.split(".") if not part.isidentifier() or keyword.iskeyword(part)]
    question = f"Python cannot import a module with the name {invalid_parts[0]!r}" if invalid_parts else ""
    if not question:
        try:
            tree = ast.parse((root / file).read_bytes())
            question = _import_side_effect(tree) or ("" if interpreter else _missing_package(root / folder, tree))
        except (SyntaxError, ValueError, OSError) as error:
            question = f"it cannot be read as Python ({error})"
    return ProposedSmoke(module, folder, interpreter, question)


def _module(root: Path, file: PurePosixPath) -> tuple[str, str]:
    """Return the folder for the import path, and the name of the module from there."""
    parts = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while folder.name and (root / folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return str(folder), ".".join(parts) or file.stem


def _interpreter(root: Path) -> str:
    """Return the interpreter of the virtual environment of the workspace, or an empty text."""
    return next((f"{name}/bin/python" for name in _ENVIRONMENTS if (root / name / "bin" / "python").exists()), "")


def _import_side_effect(tree: ast.Module) -> str:
    """Return a text with the first line that does more than define a name, or an empty text."""
    for node in tree.body:
        guarded = isinstance(node, ast.If | ast.Try)  # "if __name__ ...", "if TYPE_CHECKING", "try: import"
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (isinstance(node, _DEFINITIONS) or guarded or text):
            return f"line {node.lineno} runs when the module is imported"
    return ""


def _missing_package(folder: Path, tree: ast.Module) -> str:
    """Return a text with the first imported package that is not installed, or an empty text."""
    for name in _imported(tree):
        package = name.partition(".")[0]
        is_local = (folder / package).is_dir() or (folder / f"{package}.py").is_file()
        if not is_local and package not in sys.stdlib_module_names and importlib.util.find_spec(package) is None:
            return f"it imports {package}, which is not installed for the Python that runs pytest: set interpreter"
    return ""


def _imported(tree: ast.Module) -> Iterable[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
