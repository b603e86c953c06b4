"""Propose a smoke test for each module that names a source.

The smoke test imports the module, and reads rows through it where that needs no argument. This process imports none.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import keyword
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scopes import nodes_of
from sqlite_consolidate.engine.code.source_files import is_python
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.inventory.selection.roles import is_named_as_copy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

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
_SELECT = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
_WRITE = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[?:%{;]")
_PRINT = 'print(len(list(rows)) if hasattr(rows, "__iter__") and not isinstance(rows, str) else rows)'


@dataclass(frozen=True)
class ProposedSmoke:
    """Hold one ``[[smoke]]`` that imports a module, and reads rows if it can.

    Attributes:
        decide: Why it is proposed only as a comment; empty when it can be run.
        call: Source text that calls a function or a method of the module and prints its rows, or empty.
        file: The module as a file, relative to the workspace.
        target: File of the target.
        statements: Statements of the module that read rows, of which the test executes the first without a call.
        is_namesake: True if another test would have its name, so that the name needs the file.
    """

    module: str
    path: str
    interpreter: str = ""
    decide: str = ""
    call: str = ""
    file: str = ""
    target: str = ""
    statements: tuple[str, ...] = ()
    is_namesake: bool = False

    @property
    def python(self) -> str:
        """Return source text that reads rows, or nothing if the test only imports."""
        if self.call or not self.statements:
            return self.call
        count = f"print(len(sqlite3.connect({self.target!r}).execute({self.statements[0]!r}).fetchall()))"
        return f"import sqlite3\nimport {self.module}\n{count}"

    @property
    def name(self) -> str:
        """Return the name of the test."""
        name = f"{self.module} reads rows" if self.python else f"import {self.module}"
        return f"{name} ({self.file})" if self.is_namesake else name

    @property
    def source(self) -> str:
        """Return the source text of the test."""
        return self.python or f"import {self.module}"


def propose_smoke_tests(
    root: Path, mentions: Sequence[Mention], target: str = "", left: Collection[str] = ()
) -> tuple[ProposedSmoke, ...]:
    """Return a smoke test for each Python module that names a source, tests excepted.

    A module is a question to the operator if it would do more than define names when it is imported, or needs packages
    that are not installed. No test reads a table or a view whose folded name is in ``left``.
    """
    files = dict.fromkeys(mention.file for mention in mentions if mention.kind == "code" and is_python(mention.file))
    interpreter = _interpreter(root)
    return tuple(_smoke(root, file, interpreter, target, left) for file in files if not is_named_as_copy(file))


def without_statements(tests: Sequence[ProposedSmoke], unfit: Collection[str]) -> tuple[ProposedSmoke, ...]:
    """Return the tests of a plan without some statements."""
    kept = (tuple(statement for statement in test.statements if statement not in unfit) for test in tests)
    return tuple(replace(test, statements=fit) for test, fit in zip(tests, kept, strict=True))


def name_apart(tests: Sequence[ProposedSmoke]) -> tuple[ProposedSmoke, ...]:
    """Return the tests of a plan, in which no two have one name.

    They may have been told apart before.
    """
    plain = [replace(test, is_namesake=False) for test in tests]
    amounts = Counter(test.name for test in plain)
    return tuple(replace(test, is_namesake=amounts[test.name] > 1) for test in plain)


def _smoke(root: Path, file: str, interpreter: str, target: str, left: Collection[str]) -> ProposedSmoke:
    folder, module = _module(root, PurePosixPath(file))
    invalid_parts = [part for part in module.split(".") if not part.isidentifier() or keyword.iskeyword(part)]
    question = f"Python cannot import a module with the name {invalid_parts[0]!r}" if invalid_parts else ""
    call = ""
    statements: tuple[str, ...] = ()
    if not question:
        try:
            tree = ast.parse((root / file).read_bytes())
            call, statements = _call(module, tree, left), _statements(tree, left) if target else ()
            question = _import_side_effect(tree) or ("" if interpreter else _missing_package(root / folder, tree))
        except (SyntaxError, ValueError, OSError) as error:
            question = f"it cannot be read as Python ({error})"
    return ProposedSmoke(module, folder, interpreter, question, call, file, target, statements)


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


def propose_test_command(root: Path) -> tuple[str, ...]:
    """Return the command that runs the tests of a workspace, if there is one."""
    if (_configures_pytest(root) or _has_pytest_files(root)) and not _interpreter(root):
        return ("python", "-m", "pytest")
    if _npm_can_test(root) and shutil.which("npm"):
        return ("npm", "test")
    if re.search(r"^test\s*:", _text(root / "Makefile"), re.MULTILINE) and shutil.which("make"):
        return ("make", "test")
    return ()


def _configures_pytest(root: Path) -> bool:
    sections = (("pyproject.toml", "[tool.pytest"), ("pytest.ini", "[pytest]"), ("tox.ini", "[pytest]"))
    return any(section in _text(root / file) for file, section in (*sections, ("setup.cfg", "[tool:pytest]")))


def _has_pytest_files(root: Path) -> bool:
    files = sorted((root / "tests").glob("test_*.py"))
    return any(re.search(r"^(?:async )?def test_", _text(file), re.MULTILINE) for file in files)


def _npm_can_test(root: Path) -> bool:
    """Return whether a package of Node has a test script, and what it needs is installed."""
    try:
        package = json.loads(_text(root / "package.json") or "{}")
        script = str(package.get("scripts", {}).get("test", ""))
        needs_packages = bool({*package.get("dependencies", {}), *package.get("devDependencies", {})})
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False
    is_installed = (root / "node_modules").is_dir()
    return bool(script) and "no test specified" not in script and (is_installed or not needs_packages)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _call(module: str, tree: ast.Module, left: Collection[str]) -> str:
    """Return Python source that calls what reads rows without an argument, or nothing."""
    for node in tree.body:
        if any(_uses(text, left) for text in _texts(node)):
            continue
        if isinstance(node, ast.FunctionDef) and _can_be_called(node, bound=False):
            return f"from {module} import {node.name}\nrows = {node.name}()\n{_PRINT}"
        method = _reading_method(node) if isinstance(node, ast.ClassDef) else ""
        if method and isinstance(node, ast.ClassDef):
            return f"from {module} import {node.name}\nrows = {node.name}().{method}()\n{_PRINT}"
    return ""


def _statements(tree: ast.Module, left: Collection[str]) -> tuple[str, ...]:
    """Return the statements of a module that read rows and need no value."""
    selects = (text for text in _texts(tree) if _SELECT.match(text) and not _PLACEHOLDER.search(text))
    return tuple(dict.fromkeys(text for text in selects if not _uses(text, left)))


def _uses(text: str, names: Collection[str]) -> bool:
    return not set(names).isdisjoint(words_of(text))


def _reading_method(node: ast.ClassDef) -> str:
    """Return a method that reads rows of an instance made without arguments, if any."""
    methods = [child for child in node.body if isinstance(child, ast.FunctionDef)]
    maker = next((method for method in methods if method.name == "__init__"), None)
    if node.bases or node.decorator_list or (maker and (_needs_arguments(maker, bound=True) or _writes(maker))):
        return ""
    return next((method.name for method in methods if _can_be_called(method, bound=True)), "")


def _can_be_called(function: ast.FunctionDef, *, bound: bool) -> bool:
    """Return whether a public function reads rows, writes none, and needs no argument."""
    is_public = not function.name.startswith("_") and not function.decorator_list
    reads = any(_SELECT.match(text) for text in _texts(function)) and not _writes(function)
    return is_public and reads and not _needs_arguments(function, bound=bound)


def _needs_arguments(function: ast.FunctionDef, *, bound: bool) -> bool:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults) - bound
    return positional > 0 or None in arguments.kw_defaults


def _writes(node: ast.AST) -> bool:
    return any(_WRITE.match(text) for text in _texts(node))


def _texts(node: ast.AST) -> list[str]:
    constants = (child.value for child in nodes_of(node) if isinstance(child, ast.Constant))
    return [text for text in constants if isinstance(text, str)]
