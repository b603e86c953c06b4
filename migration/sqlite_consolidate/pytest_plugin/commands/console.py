"""Run a verb from the command line, as ``pytest -m VERB`` does.

The command ``sqlite-consolidate VERB [OPTION ...]`` is the same call with two differences. It reads neither the
configuration nor the conftest.py of the folder in which it is started, so that a project there cannot change a run.
Its default workspace is that folder.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sqlite_consolidate
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import VERBS, meant_verb
from sqlite_consolidate.engine.run.request import CONSOLE
from sqlite_consolidate.pytest_plugin.output.lossy_stream import LossyStream, lossy_output
from sqlite_consolidate.pytest_plugin.rootdir import with_equals_signs
from sqlite_consolidate.pytest_plugin.state import ONLY_CHECKS, PROGRAM, SESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

USAGE = 64
"""Exit code of a mistake on the command line, where pytest has 4 (EX_USAGE of sysexits.h)."""

SYNONYMS = {"check": "verify"}
"""Further names of a verb. A check is a ``verify`` that is refused where it would be a rehearsal."""

_PLUGIN = "sqlite_consolidate.pytest_plugin.plugin"
_CONFIGURATION = Path(__file__).with_name("console.ini")
_NAMES_A_RUN = ("--workspace", "--bundle", "--fleet")
_USAGE = "VERB [--workspace DIR] [OPTION ...]"
_HELP = f"""usage: sqlite-consolidate {_USAGE}

  inventory  find the databases of a workspace, and propose a plan
  verify     rehearse on copies; after a migration, check the result
  check      check the result of a migration, and never rehearse
  migrate    consolidate for real, all or nothing
  rollback   restore the state before the last migration
  selftest   plant faults into runs on copies, to show that every check can fail

options: --workspace DIR (default: this folder), --plan FILE, --reports DIR, --json, --version, every option of pytest
"""


def main(arguments: Sequence[str] | None = None, *, program: tuple[str, ...] = CONSOLE) -> int:
    """Run the command line, and return its exit code.

    The exit codes are those of ``pytest -m VERB``. A mistake on the command line has exit code 64.

    Args:
        arguments: Arguments without the name of the program; those of this process if None.
        program: Words by which the operator started this command, as the next commands are to name it.
    """
    with lossy_output():
        return _run_command([*(sys.argv[1:] if arguments is None else arguments)] or ["--help"], program)


def _run_command(arguments: Sequence[str], program: tuple[str, ...]) -> int:
    given, *options = arguments
    if {"-h", "--help"} & {given, *options}:
        sys.stdout.write(_HELP)
        return ExitCode.ACCEPTED
    if given == "--version":
        sys.stdout.write(f"{version_text()}\n")
        return ExitCode.ACCEPTED
    if SYNONYMS.get(given, given) not in VERBS:
        sys.stderr.write(f"sqlite-consolidate: {_mistaken_verb(given)}\n\n{_HELP}")
        return USAGE
    as_json = "--json" in options
    return run_verb(given, [option for option in options if option != "--json"], program=program, as_json=as_json)


def version_text() -> str:
    """Return the versions of this package and of SQLite, and what reads pages, in one line."""
    from sqlite_consolidate.engine.sqlite.connections import sqlite_version_text
    from sqlite_consolidate.page_reader.availability import page_reader_text

    versions = f"sqlite-consolidate {sqlite_consolidate.__version__}, SQLite {sqlite_version_text()}"
    return f"{versions}, {page_reader_text()}"


def run_verb(verb: str, options: Sequence[str], *, program: tuple[str, ...], as_json: bool = False) -> int:
    """Run a verb by pytest in this process, and return its exit code.

    Args:
        verb: A key of :data:`VERBS` or :data:`SYNONYMS`.
        options: Options of pytest and of this plugin.
        program: Words by which the operator started this command.
        as_json: Whether standard output gets one JSON object, and standard error everything else.
    """
    call = Call(program, only_checks=verb in SYNONYMS)
    with _standard_output(as_json=as_json) as write:
        code = int(pytest.main(command_line(SYNONYMS.get(verb, verb), options), plugins=[call]))
        if as_json:
            write(f"{call.summary(code)}\n")
    if code != ExitCode.REFUSED or call.is_understood:
        return code
    sys.stderr.writelines(f"{line}\n" for line in _similar_options(options))
    return USAGE


def command_line(verb: str, options: Sequence[str]) -> list[str]:
    """Return the arguments of pytest for a verb.

    The workspace is the current folder if the options name neither a workspace nor a bundle nor a fleet.
    """
    joined = with_equals_signs(options)
    is_named = any(option.partition("=")[0] in _NAMES_A_RUN for option in joined)
    return [
        *("-c", str(_CONFIGURATION), "--rootdir=.", "--noconftest", "-p", _PLUGIN, "-m", verb),
        *([] if is_named else [f"--workspace={Path.cwd()}"]),
        *joined,
    ]


class Call:
    """Observe a call of pytest as a plugin.

    Attributes:
        is_understood: Whether pytest understood the command line. Its exit code 4 is then a refused run.
    """

    def __init__(self, program: tuple[str, ...], *, only_checks: bool) -> None:
        self.is_understood = False
        self._program, self._only_checks = program, only_checks
        self._config: pytest.Config | None = None
        self._refusal = ""

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Let pytest call a mistake that of this program, and not of its own function."""
        parser.prog = " ".join(self._program)
        parser.optparser.usage = f"%(prog)s {_USAGE}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Note that the command line was understood, and the sentences of a refusal."""
        self.is_understood, self._config = True, config
        config.stash[PROGRAM], config.stash[ONLY_CHECKS] = self._program, self._only_checks
        try:
            return (yield)
        except pytest.UsageError as error:
            self._refusal = str(error)
            raise

    def summary(self, code: int) -> str:
        """Return the result of the call as one JSON object.

        A run that was refused before it began has its exit code and the sentences of the refusal.
        """
        from sqlite_consolidate.pytest_plugin.output.json_summary import json_summary
        from sqlite_consolidate.pytest_plugin.output.summary import next_step
        from sqlite_consolidate.report.bundle import bundle_of
        from sqlite_consolidate.report.file_names import PAGE

        session = self._config.stash.get(SESSION, None) if self._config else None
        if session is None:
            word = "refused" if self._refusal else "not run"
            return json.dumps({"verdict": word, "exit_code": code, "refusal": self._refusal.splitlines()}, indent=2)
        folder, record = session.request.folder, session.record()
        return json_summary(
            record, report=folder / PAGE, bundle=bundle_of(record, folder), next_step=next_step(session, record)
        )


@contextmanager
def _standard_output(*, as_json: bool) -> Iterator[Callable[[str], object]]:
    """Yield what writes to standard output, to which nothing else is written for JSON.

    The file descriptor is replaced, because pytest and the applications of smoke tests write to it.
    """
    if not as_json:
        yield sys.stdout.write
        return
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as original:
        answer = LossyStream(original)
        os.dup2(2, 1)
        try:
            yield answer.write
        finally:
            LossyStream(sys.stdout).flush()
            answer.flush()
            os.dup2(original.fileno(), 1)


def _mistaken_verb(given: str) -> str:
    if given.startswith("-"):
        return f"the verb comes first, and {given} is none."
    meant = meant_verb(given, *SYNONYMS)
    return f"{given!r} is no verb." + (f" Did you mean {meant}?" if meant else "")


def _similar_options(options: Sequence[str]) -> Iterator[str]:
    """Yield a hint for each option that resembles one of this package."""
    from difflib import get_close_matches

    from sqlite_consolidate.pytest_plugin.options import OPTIONS

    known = ["--json", *(f"--{name}" for name, *_ in OPTIONS)]
    for name in (option.partition("=")[0] for option in options if option.startswith("--")):
        if name not in known and (similar := get_close_matches(name, known, n=1)):
            yield f"sqlite-consolidate: Did you mean {similar[0]} by {name}?"
