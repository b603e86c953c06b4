"""Find the constants that files of a workspace take from other files."""

from __future__ import annotations

import posixpath
import re
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.python_values import ConstantValues
from sqlite_consolidate.engine.code.source_files import is_python
from sqlite_consolidate.engine.code.syntax import parse_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlite_consolidate.engine.code.scanning.python_values import Lookup, Texts

_MOST_STEPS = 5
"""Number of modules that are followed from one to the next."""
_MOST_MODULES = 3
_MOST_NAMES = 3
_ASSIGNED = re.compile(r"""^[ \t]*(\w+)[ \t]*(?::[^=\n]*)?=(?=[^=\n]*["'(+%/])""", re.MULTILINE)
_IMPORTED = re.compile(r"^[ \t]*from[ \t][^\n]*?import[ \t]+(\([^()]*\)|[^\n]*)", re.MULTILINE)
_WORD = re.compile(r"\w+")


class WorkspaceConstants:
    """Resolve what modules of a workspace import, and the settings beside files of YAML.

    Args:
        files: Paths of the scanned files.
        read: Returns the text of a file, or None if there is none.
    """

    def __init__(self, files: Iterable[str], read: Callable[[str], str | None]) -> None:
        self._read = read
        self._files: dict[str, list[str]] = {}
        self._environments: set[str] = set()
        for file in files:
            if posixpath.basename(file) == ".env":
                self._environments.add(file)
            elif is_python(file):
                self._files.setdefault(module_path(file).rpartition("/")[2], []).append(file)
        self._bound_names: dict[str, frozenset[str]] = {}
        self._constants: dict[str, ConstantValues | None] = {}
        self._in_progress: list[tuple[str, tuple[str, ...]]] = []

    def of(self, file: str) -> Lookup:
        """Return the function that finds what a file imports."""
        return partial(self._find, file)

    def environment_beside(self, file: str) -> str:
        """Return the text of the ``.env`` in the folder of a file, or nothing."""
        beside = posixpath.join(posixpath.dirname(file), ".env")
        return (self._read(beside) or "") if beside in self._environments else ""

    def _find(self, file: str, module: str, level: int, names: tuple[str, ...]) -> Texts:
        """Return the possible texts of a name of another module, or nothing.

        Args:
            file: The file with the import.
            module: The module as the import states it.
            level: Number of dots before it.
            names: The name, and an attribute of it.
        """
        if len(names) > _MOST_NAMES:
            return frozenset()
        texts: set[str] = set()
        for other in self._modules(file, module, level):
            texts |= self._texts(other, names)
        if len(names) > 1:
            for other in self._modules(file, f"{module}.{names[0]}".strip("."), level):
                texts |= self._texts(other, names[1:])
        return frozenset(texts)

    def _texts(self, file: str, names: tuple[str, ...]) -> Texts:
        if (file, names) in self._in_progress or len(self._in_progress) >= _MOST_STEPS:
            return frozenset()
        self._in_progress.append((file, names))
        try:
            constants = self._constants_of(file) if self._may_bind(file, names) else None
            return constants.texts_of_module(names) if constants else frozenset()
        finally:
            self._in_progress.pop()

    def _may_bind(self, file: str, names: tuple[str, ...]) -> bool:
        """Return quickly whether a module may bind a name, so that most modules are not parsed."""
        if file not in self._bound_names:
            text = self._read(file) or ""
            self._bound_names[file] = frozenset(
                _ASSIGNED.findall(text) + _WORD.findall(" ".join(_IMPORTED.findall(text)))
            )
        bound = self._bound_names[file]
        return names[-1] in bound or names[0] in bound

    def _constants_of(self, file: str) -> ConstantValues | None:
        if file not in self._constants:
            try:
                tree = parse_tree(self._read(file) or "")
                self._constants[file] = ConstantValues(tree, self.of(file), file)
            except (SyntaxError, RecursionError):
                self._constants[file] = None
        return self._constants[file]

    def _modules(self, file: str, module: str, level: int) -> list[str]:
        """Return the files that a module can be, of which those nearest to the import count."""
        parts = [part for part in module.split(".") if part]
        if not parts:
            return []
        path = "/".join(parts)
        files = self._files.get(parts[-1], [])
        if level:
            folder = posixpath.normpath(posixpath.join(posixpath.dirname(file) or ".", *[".."] * (level - 1)))
            wanted = posixpath.normpath(posixpath.join(folder, path))
            return [other for other in files if module_path(other) == wanted]
        fitting = [other for other in files if f"/{module_path(other)}".endswith(f"/{path}")]
        by_nearness = {other: len(posixpath.commonprefix([file, other])) for other in fitting}
        nearest = max(by_nearness.values(), default=0)
        return [other for other, nearness in by_nearness.items() if nearness == nearest][:_MOST_MODULES]


def module_path(file: str) -> str:
    """Return the path of a file without what a module's name lacks."""
    return re.sub(r"(?:/__init__)?\.pyi?$", "", file)
