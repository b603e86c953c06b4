"""Define the parts of a plan about code, applications and their logs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sqlite_consolidate.plan.values import FileInside, Name, Part, PathInside, Pattern, Seconds


class Reference(Part):
    """Name an expression of a code file that refers to an old database, and its replacement.

    Attributes:
        file: File of the code, inside the workspace.
        find: Expression that names the old database. In Python it is matched as syntax, not as text.
        replace: Expression that replaces it.
        import_: TOML key ``import``. An import statement that the replacement needs, or empty.
        places: Number of places of the file that have the expression. All of them are replaced.
    """

    file: FileInside
    find: Name
    replace: Name
    import_: str = Field(default="", alias="import")
    places: Annotated[int, Field(ge=1)] = 1


class Insert(Part):
    """Name a top-level definition, such as a function, that a module must have.

    It is added to the module if it lacks it.

    Attributes:
        file: The module, inside the workspace.
        code: Source text of the definition.
    """

    file: FileInside
    code: Name


class Exemption(Part):
    """Name a place that may still refer to an old database.

    It is a file, a folder, or a shell pattern such as ``docs/*``.

    Attributes:
        path: The file, the folder or the pattern.
        pattern: The name, or pattern of names, that is exempt there, as the run states it. If it is empty, all are.
        reason: Why the reference may stay.
    """

    path: PathInside
    pattern: str = ""
    reason: Name


class Scan(Part):
    """Name the trees in which no reference to an old database may remain, with exemptions.

    Attributes:
        paths: Folders and files inside the workspace that are searched.
        exempt: Places that may keep such a reference.
    """

    paths: list[PathInside] = []
    exempt: list[Exemption] = []


class Expect(Part):
    """State the result that a smoke test must have.

    Attributes:
        exit: Exit status.
        stdout: Regular expression that its standard output must contain. ``^`` and ``$`` match at the ends of lines.
        lines: Number of lines of its standard output that are not blank, or None.
    """

    exit: int = 0
    stdout: Pattern = ""
    lines: Annotated[int, Field(ge=0)] | None = None


class Smoke(Part):
    """Check that an application works, by ``python`` source text or a ``run`` command.

    Attributes:
        name: Name of the test in the report.
        python: Source text that an interpreter runs. Either this or ``run`` is needed.
        run: A command with its arguments.
        path: Folders for PYTHONPATH, inside the workspace.
        interpreter: Python to use, relative to the workspace. If it is empty, the ``.venv`` or ``venv`` of the
            workspace is used, or else the Python that runs pytest.
        timeout: Seconds after which it and its child processes are ended.
        writes: True if it runs on a copy that is deleted afterwards. A database that it changes is then listed and is
            not a failure.
        answers: Success criterion in the report that this test answers, such as "WMS CLI works". If it is empty, the
            name of the test is used.
    """

    name: Name
    python: str = ""
    run: list[str] = []
    path: list[PathInside] = []
    interpreter: str = ""
    timeout: Seconds = 30.0
    expect: Expect = Expect()
    writes: bool = False
    answers: str = ""

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse a smoke test that has both or neither of ``python`` and ``run``."""
        if bool(self.python) == bool(self.run):
            hint = 'Keep one of the two: "python" for source text, "run" for a command.'
            raise ValueError('a smoke test needs either "python" or "run", and not both', hint)


class Logs(Part):
    """Name log files, and a pattern that no new line of them may match.

    Attributes:
        files: Log files inside the workspace, or patterns of them.
        errors: Regular expression of a line that fails the run.
    """

    files: list[PathInside] = []
    errors: Pattern = "ERROR|CRITICAL|Traceback"
