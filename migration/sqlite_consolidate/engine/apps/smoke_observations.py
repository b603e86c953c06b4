"""Observe whether a smoke test gave the result that the plan expects."""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.apps.live_watch import WORKSPACE_CHANGED
from sqlite_consolidate.engine.apps.runner import POLL_SECONDS
from sqlite_consolidate.engine.backup.copied_files import Reason
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, Relation, equal
from sqlite_consolidate.plan.parts.masked_plan import masked_smoke
from sqlite_consolidate.row_differences import Disclosure
from sqlite_consolidate.secret_masking import MASK, PATTERN_OF_MASK, mask_secrets
from sqlite_consolidate.text import counted, list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.apps.live_watch import LiveChanges
    from sqlite_consolidate.engine.apps.runner import SmokeResult
    from sqlite_consolidate.plan.parts.programs import Smoke

_SHOWN_HEAD, _SHOWN_TAIL = 80, 220  # characters of an output in an observation
_SHOWN_LINES = 300  # characters of the last lines of each output of a test that failed
_SEARCHED = 100_000  # characters at the end of an output in which names are searched for
_MAX_SUBJECT = 120
_MAX_FILES_NAMED = 5  # files
_WITHOUT_PLAN = Disclosure()


def smoke_findings(test: Smoke, result: SmokeResult) -> list[Finding]:
    """Return what a reader should know about a smoke test beside its observations."""
    findings = []
    if only_imports(test):
        text = "this smoke test only imports code. It does not show that the application reads the target."
        findings.append(Finding.of("smoke-only-imports", test.name, text))
    if result.remaining:
        number = counted(len(result.remaining), "process", "processes")
        verb = "was" if len(result.remaining) == 1 else "were"
        names = list_names([*map(one_line, result.remaining)])
        text = f"{number} outlived the smoke test and {verb} ended: {names}."
        findings.append(Finding.of("smoke-left-process", test.name, text, count=len(result.remaining)))
    return [*findings, *_live_findings(test, result.live)]


def _live_findings(test: Smoke, live: LiveChanges | None) -> Iterator[Finding]:
    """Yield a finding for each group of files of the live workspace that changed."""
    groups = (
        (
            (live.unexplained, "no other process is known to write to"),
            (live.of_others, "another process has open or has changed at another time as well"),
        )
        if live
        else ()
    )
    for files, origin in groups:
        if files:
            verb = "has" if len(files) == 1 else "have"
            names = list_names([*map(one_line, files)])
            text = f"{counted(len(files), 'file')} of the workspace itself, which {origin}, {verb} changed: {names}."
            yield Finding.of(WORKSPACE_CHANGED, test.name, text, count=len(files))


def only_imports(test: Smoke) -> bool:
    """Return whether a smoke test does nothing but import code and print constants."""
    source = test.python
    if not source and len(test.run) == len(("python", "-c", "")) and test.run[1] == "-c":
        source = test.run[2]
    try:
        return bool(source) and all(map(_does_nothing, ast.parse(source).body))
    except (SyntaxError, ValueError):
        return False


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    if not isinstance(node, ast.Expr):
        return False
    call = node.value
    prints = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
    constants = call.args if isinstance(call, ast.Call) and prints else [call]
    return all(isinstance(constant, ast.Constant) for constant in constants)


def smoke_observations(test: Smoke, result: SmokeResult, disclosure: Disclosure = _WITHOUT_PLAN) -> list[Observation]:
    """Observe that the test ran, ended in time, and gave the expected status and output.

    The first observation that its output does not satisfy has the remarks of the result.

    Args:
        test: The smoke test.
        result: Its result.
        disclosure: What the command may show of the secrets that the plan states elsewhere.
    """
    observations = list(_observations(test, result, disclosure))
    failures = [index for index, observation in enumerate(observations) if not observation.holds]
    failed = next((index for index in failures if observations[index].program_output), None)
    if failed is not None and result.remarks:
        hint = " ".join((*result.remarks, observations[failed].todo))
        observations[failed] = replace(observations[failed], todo=hint)
    return observations


def remarks_on(result: SmokeResult, left_out: Mapping[Reason, Sequence[str]], hidden: Sequence[str]) -> tuple[str, ...]:
    """Return what can explain why a smoke test failed, a sentence for each fact.

    Args:
        result: The result of the test.
        left_out: Files that the copy on which it ran does not have, by reason.
        hidden: Old databases that did not have their old names while it ran.
    """
    output = f"{result.stdout[-_SEARCHED:]}\n{result.stderr[-_SEARCHED:]}"
    remarks = []
    for reason, files in left_out.items():
        if named := [one_line(file) for file in files if _is_named(file, output)]:
            hint = " Narrow [rehearsal] exclude." if reason is Reason.EXCLUDED else ""
            remarks.append(f"The copy on which it ran lacks {list_names(named)} ({reason.value}).{hint}")
    if named := [one_line(file) for file in hidden if _is_named(file, output)]:
        hint = "Find the code that opens it, and add a [[reference]] for it."
        remarks.append(f"Its output names {list_names(named)}, which no longer had its old name. {hint}")
    elif hidden:
        remarks.append(
            "While it ran, each old database was locked and had the name of its archive. "
            "If you run it by hand before the migration, it finds them under their old names."
        )
    return tuple(remarks)


def _is_named(file: str, output: str) -> bool:
    """Return whether an output names a file, its Python module, or the program that keeps it."""
    name = posixpath.basename(file)
    if name.startswith("."):
        return re.search(rf"\b{re.escape(name.lstrip('.'))}\b", output) is not None
    texts = (name, file.removesuffix(".py").replace("/", "."))
    return any(text in output and re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", output) for text in texts)


def _observations(test: Smoke, result: SmokeResult, disclosure: Disclosure) -> Iterator[Observation]:
    subject = _subject(test, disclosure)
    # A secret is masked before its key or the end of a line that is cut may hide a part of it.
    output, errors = disclosure.of_text(result.stdout), disclosure.of_text(result.stderr)
    excerpt = _output_excerpt(output, errors)
    if result.problem:
        yield Observation(subject, "can be started", result.problem, holds=False, todo=f"Run it by hand. {_PLAN_HINT}")
        return
    if result.used is not None:
        yield _use_observation(subject, result.used)
    if result.live is not None:
        yield _live_observation(subject, result.live)
    in_time = f"ends within {test.timeout:g} s"
    if result.ended:
        observed = f"{result.ended}, ended with its children"
        hint = f'Find out what it waits for or repeats, or give it a longer "timeout". {_PLAN_HINT}'
        yield Observation(subject, in_time, observed, holds=False, todo=hint, program_output=excerpt)
        return
    observed = f"ended after {result.seconds:.2f} s, started with {one_line(result.command[0])}"
    yield Observation(subject, in_time, observed, holds=True)
    yield _exit_observation(subject, test, result, excerpt)
    compare = f"Compare what the application reads with what was moved. {_PLAN_HINT}"
    shown = _shortened(output) or "(no output)"
    if test.expect.stdout:
        is_match = re.search(test.expect.stdout, result.stdout, re.MULTILINE) is not None
        pattern = masked_smoke(test).expect.stdout.replace(PATTERN_OF_MASK, MASK)
        expected = f"output matches {one_line(pattern)}"
        observed = f"output {'matches' if is_match else 'does not match'} ({counted(len(result.stdout), 'character')})"
        yield Observation(subject, expected, observed, is_match, "" if is_match else compare, shown)
    if test.expect.lines is not None:
        is_expected = result.lines == test.expect.lines
        hint, program_output = ("", "") if is_expected else (compare, shown)
        yield replace(
            equal(subject, f"{test.expect.lines} lines of output", f"{result.lines} lines of output", hint),
            program_output=program_output,
        )


def _use_observation(subject: str, used: tuple[str, ...]) -> Observation:
    expected = "opens no file of the workspace itself"
    if not used:
        observed = f"opened none (Python programs report each opening; others are examined every {POLL_SECONDS:g} s)"
        return Observation(subject, expected, observed, holds=True)
    names = ", ".join(one_line(name) for name in used[:_MAX_FILES_NAMED])
    more = f" and {len(used) - _MAX_FILES_NAMED} more" if len(used) > _MAX_FILES_NAMED else ""
    hint = (
        "Let it find its files relative to its own file or to the current folder, and not by an absolute path, "
        "the home folder or an installed package. If its code was installed from the workspace, "
        'add the folder of the code to "path".'
    )
    return Observation(subject, expected, f"opened {names}{more} of the workspace itself", holds=False, todo=hint)


def _live_observation(subject: str, live: LiveChanges) -> Observation:
    expected = "changes no file of the workspace itself"
    if not live.unexplained:
        return Observation(subject, expected, f"none of {counted(live.files, 'file')} changed", holds=True)
    hint = (
        "Nothing restores these files. Let the application find its files relative to its own file or to the current "
        "folder, and write to no installed package. If another process wrote to them, run again."
    )
    observed = f"changed {list_names([*map(one_line, live.unexplained)])} of the workspace itself"
    return Observation(subject, expected, observed, holds=False, todo=hint)


_PLAN_HINT = "If the plan is wrong, correct its [[smoke]]."


def _exit_observation(subject: str, test: Smoke, result: SmokeResult, excerpt: str) -> Observation:
    holds = result.exit == test.expect.exit
    observed = f"exit status {result.exit}"
    if result.exit is not None and result.exit < 0:
        observed = f"ended by signal {_signal_name(-result.exit)}"
    hint = "" if holds else f"Run it by hand and read its error. {_PLAN_HINT}"
    program_output = "" if holds else excerpt
    expected = f"exit status {test.expect.exit}"
    relation = Relation.EQUAL if expected == observed else Relation.STATED
    return Observation(subject, expected, observed, holds, hint, program_output, relation=relation)


def _output_excerpt(output: str, errors: str) -> str:
    """Return the last lines of both outputs of a test that failed."""
    errors, output = _last_lines(errors), _last_lines(output)
    if errors and output:
        return f"{errors}; standard output: {output}"
    return errors or output or "(no output)"


def _last_lines(text: str) -> str:
    """Return the last lines of an output without secrets in one printable line.

    Lines that only mark a place in the line above are left out.
    """
    lines = [line.rstrip() for line in mask_secrets(text).splitlines() if line.strip(" ^~")]
    shown: list[str] = []
    while lines and len("\n".join(shown)) + len(lines[-1]) < _SHOWN_LINES:
        shown.insert(0, lines.pop())
    if lines and not shown:
        shown.insert(0, lines.pop()[-_SHOWN_LINES:])
        lines.append("")
    return ("… " if lines else "") + one_line("\n".join(shown).lstrip() if not lines else "\n".join(shown))


def _shortened(text: str) -> str:
    """Return the text without secrets in one printable line, or its two ends if it is long.

    Results and error messages are at the end.
    """
    text = mask_secrets(text.strip())
    line = one_line(text)
    return line if len(line) <= _SHOWN_HEAD + _SHOWN_TAIL else f"{line[:_SHOWN_HEAD]} … {line[-_SHOWN_TAIL:]}"


def command_text(test: Smoke, disclosure: Disclosure = _WITHOUT_PLAN) -> str:
    """Return the command of a smoke test as a plan states it, without its secrets.

    The path of an interpreter belongs to this machine. A secret is masked before the words are quoted, as in the plan
    of a bundle.
    """
    shown = masked_smoke(test)
    return shlex.join(map(disclosure.of_text, ["python", "-c", shown.python] if shown.python else shown.run))


def _subject(test: Smoke, disclosure: Disclosure) -> str:
    line = one_line(command_text(test, disclosure))
    return line if len(line) <= _MAX_SUBJECT else line[: _MAX_SUBJECT - 1] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
