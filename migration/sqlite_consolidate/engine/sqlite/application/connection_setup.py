"""Give every connection the collations and functions that only the application has.

The plan names a Python file of the workspace and a function in it. The function is called with an object that can add
collations, functions and extensions to one connection, and nothing else. It must not open a database, because closing
one drops the locks of this process (https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
else:
    from sqlite_consolidate.sqlite_library import sqlite3

ENVIRONMENT = "SQLITE_CONSOLIDATE_SETUP"
"""Variable that tells a second process which setup it has to use."""

_METHODS = ("create_function", "create_collation", "create_aggregate", "create_window_function")
_SQLITE_MODULES = ("sqlite3", "sqlite3.dbapi2", "pysqlite3", "pysqlite3.dbapi2")
_MODULE = "sqlite_consolidate_setup"
_LONGEST = 120


class Registrar:
    """Add collations, functions and extensions to one connection.

    It has ``create_function``, ``create_collation``, ``create_aggregate``, ``create_window_function`` and
    ``load_extension``, each as a connection of Python's ``sqlite3`` has it. ``enable_load_extension`` is there for code
    that was written for a connection, such as the plugins of sqlite-utils. It does nothing, because ``load_extension``
    needs no permission.
    """

    def __init__(self, con: sqlite3.Connection) -> None:
        for name in _METHODS:
            if method := getattr(con, name, None):
                setattr(self, name, _forwarding(method))

        def load_extension(path: str | os.PathLike[str]) -> None:
            if not hasattr(con, "enable_load_extension"):
                raise sqlite3.NotSupportedError("this Python cannot load extensions of SQLite")
            con.enable_load_extension(True)  # noqa: FBT003 -- SQLite's own name for it
            try:
                con.load_extension(os.fspath(path))
            finally:
                con.enable_load_extension(False)  # noqa: FBT003

        self.load_extension = load_extension
        self.enable_load_extension = lambda _on: None


def _forwarding(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls a method and does not lead to its object."""

    def forward(*arguments: Any, **keywords: Any) -> Any:
        return method(*arguments, **keywords)

    return forward


@dataclass(frozen=True)
class ConnectionSetup:
    """Hold the function of the application that prepares a connection.

    Attributes:
        file: Path of its file, relative to the workspace.
        name: Name of the function.
        sha256: Digest of the file.
        register: The function.
        root: The workspace, or its copy.
        folders: Folders from which the file imports, relative to the workspace.
    """

    file: str
    name: str
    sha256: str
    register: Callable[[Registrar], object]
    root: Path
    folders: tuple[str, ...] = ()

    @classmethod
    def load(cls, root: Path, text: str, folders: tuple[str, ...] = ()) -> ConnectionSetup:
        """Load the function that the plan names, and try it on an empty database.

        Args:
            root: The workspace, or its copy.
            text: File and function, such as ``tools/setup.py:register``.
            folders: Folders from which the file imports, relative to the workspace.

        Raises:
            ProblemError: The file or the function does not exist, or its code raises an error or opens a database.
        """
        file, _, name = text.rpartition(":")
        try:
            code = (root / file).read_bytes()
        except OSError as error:
            raise setup_problem(file, f"cannot be read ({error.strerror})") from error
        known = set(sys.modules)
        with _called(file, root, folders):
            spec = spec_from_file_location(_MODULE, root / file)
            module = module_from_spec(spec) if spec and spec.loader else None
            if module is not None and spec is not None and spec.loader is not None:
                spec.loader.exec_module(module)
        for imported in set(sys.modules) - known:  # a run on a copy must not leave its modules to a run that follows
            if str(getattr(sys.modules[imported], "__file__", None) or "").startswith(f"{root}{os.sep}"):
                del sys.modules[imported]
        register = getattr(module, name, None)
        if not callable(register):
            raise setup_problem(file, f"has no function {name}")
        setup = cls(file, name, hashlib.sha256(code).hexdigest(), register, root, folders)
        con = sqlite3.connect(":memory:", isolation_level=None)
        try:
            setup.prepare(con)
        finally:
            con.close()
        return setup

    def prepare(self, con: sqlite3.Connection) -> None:
        """Call the function for a connection.

        Raises:
            ProblemError: It raises an error, or opens a database.
        """
        with _called(self.file, self.root, self.folders):
            self.register(Registrar(con))

    @property
    def for_process(self) -> str:
        """Return the value of the environment variable for a second process."""
        return json.dumps([str(self.root), f"{self.file}:{self.name}", self.folders])


@dataclass
class ConnectionSetups:
    """Hold the setup of one run, which is known once the workspace has been read."""

    setup: ConnectionSetup | None = None


@dataclass
class _Active:
    """Hold the setups of the run that works in this process now."""

    setups: ConnectionSetups = field(default_factory=ConnectionSetups)


_ACTIVE = _Active()


@contextmanager
def connections_of(setups: ConnectionSetups) -> Iterator[None]:
    """Prepare each connection that is opened in this block by the setup of a run."""
    before, _ACTIVE.setups = _ACTIVE.setups, setups
    try:
        yield
    finally:
        _ACTIVE.setups = before


def current_setup() -> ConnectionSetup | None:
    """Return the setup of the run that works in this process now, or None."""
    return _ACTIVE.setups.setup


def use_setup_of_parent() -> None:
    """Use the setup of the process that has started this one.

    Raises:
        ProblemError: The function cannot be loaded.
    """
    if value := os.environ.get(ENVIRONMENT):
        root, text, folders = json.loads(value)
        _ACTIVE.setups.setup = ConnectionSetup.load(Path(root), text, tuple(folders))


@contextmanager
def _called(file: str, root: Path, folders: tuple[str, ...]) -> Iterator[None]:
    """Call code of the application, and turn its errors into a problem.

    Its folders can be imported from. It cannot open a database.
    """
    added = [str(root / folder) for folder in folders]
    opened: list[str] = []
    sys.path[:0] = added
    try:
        with _without_connections(opened):
            yield
    except (Exception, SystemExit) as error:
        if opened:
            raise _opens(file) from error
        raise setup_problem(file, _describe(error, root / file)) from error
    finally:
        for folder in added:
            if folder in sys.path:
                sys.path.remove(folder)
    if opened:
        raise _opens(file)


@contextmanager
def _without_connections(opened: list[str]) -> Iterator[None]:
    """Refuse to open a database in this block, and note each attempt."""

    def connect(*_: object, **__: object) -> None:
        opened.append("connect")
        raise sqlite3.NotSupportedError("the setup of a connection must not open a database")

    # The code may import a module of SQLite that nothing has imported yet.
    import_module("sqlite3.dbapi2")
    modules = [module for name in _SQLITE_MODULES if (module := sys.modules.get(name))]
    before = [(module, module.connect) for module in modules]
    for module in modules:
        module.connect = connect  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, function in before:
            module.connect = function  # type: ignore[attr-defined]


def _describe(error: BaseException, path: Path) -> str:
    """Return the kind, the line and the text of an error of the application's code."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    place = f" in line {line}" if line else ""
    text = one_line(str(error))[:_LONGEST]
    return f"raises {type(error).__name__}{place}{': ' if text else ''}{text}"


def _opens(file: str) -> ProblemError:
    return setup_problem(file, "opens a database, which would drop the locks of the run when it closes it")


def setup_problem(file: str, fact: str) -> ProblemError:
    """Return the error that says why the setup of the plan cannot be used."""
    hint = "Correct the function that [connection] setup names. It is called with an object that adds functions."
    return ProblemError(Problem("bad-setup", file, f"{fact}.", hint, criterion="sources-readable"))
