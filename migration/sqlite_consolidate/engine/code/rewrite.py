"""Rewrite code so that it names the target instead of old databases, and check it."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from posixpath import normpath
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import replace as replace_file
from sqlite_consolidate.engine.code.insertions import add_definitions, add_import, imported_names, parse_import
from sqlite_consolidate.engine.code.scopes import shadowed_names
from sqlite_consolidate.engine.code.source_files import CodeFile, find_line, is_python, read_code_file
from sqlite_consolidate.engine.code.syntax import (
    PlainText,
    PythonCode,
    code_problem,
    compile_module,
    is_unparsable,
    parse_tree,
)
from sqlite_consolidate.observation import Observation, equal, not_required
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.backup.ledger import Ledger
    from sqlite_consolidate.engine.code.source_files import Span
    from sqlite_consolidate.plan.parts.programs import Insert, Reference


@dataclass(frozen=True)
class Rewrite:
    """Hold the content of one file before and after its rewrite.

    Attributes:
        file: Path relative to the workspace, "/"-separated, free of links.
        before: Its bytes as they were read.
        after: Its bytes as they are to be written.
    """

    file: str
    before: bytes
    after: bytes


def plan_rewrites(
    root: Path, references: Sequence[Reference], inserts: Sequence[Insert], *, skip: Collection[str] = ()
) -> tuple[tuple[Rewrite, ...], tuple[Problem, ...]]:
    """Return the rewrites for the plan's references and inserts, and every problem.

    Nothing is written. A file in which all was done before has no rewrite, and neither has one with a problem.

    Args:
        root: The workspace.
        references: Expressions to replace; each must be found as often as it states, or have been replaced already.
        inserts: Definitions to add.
        skip: Files of which the problem is known already, as normal paths relative to the workspace.
    """
    rewrites, problems, _ = plan_rewrites_in_part(root, references, inserts, skip=skip)
    return rewrites, problems


def plan_rewrites_in_part(
    root: Path, references: Sequence[Reference], inserts: Sequence[Insert], *, skip: Collection[str] = ()
) -> tuple[tuple[Rewrite, ...], tuple[Problem, ...], tuple[Rewrite, ...]]:
    """Return what ``plan_rewrites`` does, and unfinished rewrites of files with problems.

    The latter are never written. They tell which places of such a file need no further reference.
    """
    references = [reference for reference in references if normpath(reference.file) not in skip]
    inserts = [insert for insert in inserts if normpath(insert.file) not in skip]
    named = dict.fromkeys([item.file for item in references] + [item.file for item in inserts])
    files = {file: read_code_file(root, file) for file in named}
    problems = [item for item in files.values() if isinstance(item, Problem)]
    rewrites, in_part = [], []
    # Two spellings of one path are one file, because the content read is equal.
    for code in dict.fromkeys(item for item in files.values() if isinstance(item, CodeFile)):
        rewriting = RewriteBuilder(code)
        rewriting.replace([item for item in dict.fromkeys(references) if files[item.file] == code])
        rewriting.insert([item for item in inserts if files[item.file] == code])
        after = rewriting.result()
        problems += rewriting.problems
        if after != code.data:
            rewrites.append(Rewrite(code.file, code.data, after))
        elif rewriting.problems:
            in_part.append(Rewrite(code.file, code.data, rewriting.text.encode(code.encoding, "replace")))
    return tuple(rewrites), tuple(problems), tuple(in_part)


def compile_observations(root: Path, files: Sequence[str]) -> list[Observation]:
    """Observe that each Python file compiles, without executing it.

    Args:
        root: The workspace.
        files: Paths relative to it; those that are not Python are passed over. If none is left, one observation that
            holds says so.
    """
    python = [file for file in files if is_python(file)]
    if not python:
        return [not_required("code", "no Python file was rewritten")]
    return [_compile_observation(root, file) for file in python]


def replacement_observations(root: Path, references: Sequence[Reference]) -> list[Observation]:
    """Observe that each reference is replaced and its old expression is gone.

    Args:
        root: The workspace.
        references: Those of the plan; if there are none, one observation that holds says so.
    """
    if not references:
        return [not_required("code", "the plan names no reference")]
    return [_updated_observation(root, reference) for reference in references]


def _compile_observation(root: Path, file: str) -> Observation:
    expected = "compiles"
    code = read_code_file(root, file)
    if isinstance(code, Problem):
        return Observation(file, expected, code.what, holds=False, todo=code.hint)
    try:
        check_syntax(file, code.data)
    except ProblemError as error:
        problem = error.problems[0]
        return Observation(problem.subject, expected, problem.what, holds=False, todo=problem.hint)
    return equal(file, expected, expected)


def _updated_observation(root: Path, reference: Reference) -> Observation:
    expected = one_line(f"{reference.replace} instead of {reference.find}")
    code = read_code_file(root, reference.file)
    if isinstance(code, Problem):
        return Observation(reference.file, expected, code.what, holds=False, todo=code.hint)
    try:
        source = parse_source(code)
        new = source.spans(reference.replace)
        old = unreplaced_spans(source.spans(reference.find), new)
    except ProblemError as error:
        problem = error.problems[0]
        return Observation(reference.file, expected, one_line(problem.what), holds=False, todo=problem.hint)
    lines = ", ".join(str(find_line(code.text, span.start)) for span in new)
    if old:
        subject = f"{reference.file}:{find_line(code.text, old[0].start)}"
        observed = f"{one_line(reference.find)} is still there"
    else:
        subject = reference.file
        observed = f"replaced (line {lines})" if new else "neither of the two was found"
    holds = len(new) >= reference.places and not old
    return Observation(subject, expected, observed, holds, "" if holds else "Correct this place by hand, or roll back.")


def parse_source(code: CodeFile) -> PythonCode | PlainText:
    """Return the file's text in the form in which expressions are found in it."""
    return PythonCode(code.text, code.file) if is_python(code.file) else PlainText(code.text)


def unreplaced_spans(old: Sequence[Span], new: Sequence[Span]) -> list[Span]:
    """Return the old places that no new place contains.

    For example ``logs()`` remains in its replacement ``logs().parent``.
    """
    return [span for span in old if not any(span.inside(other) for other in new)]


def check_syntax(file: str, data: bytes) -> None:
    """Check that a Python file compiles.

    Raises:
        ProblemError: It does not compile.
    """
    if is_python(file):
        try:
            compile_module(data)
        except SyntaxError as error:
            fact = f"it is not valid Python: {error.msg}."
            raise code_problem(
                "code-invalid", fact, "Correct the file, or what the plan puts into it.", file, error.lineno or 0
            ) from None


class RewriteBuilder:
    """Build the new text of one file and collect its problems.

    Attributes:
        text: The text so far.
        problems: Problems in the order in which they were found.
    """

    def __init__(self, code: CodeFile) -> None:
        self.code = code
        self.text = code.text
        self.problems: list[Problem] = []
        self._done: list[Span] = []
        self._source: PythonCode | PlainText | None = None
        with self._noting():
            check_syntax(code.file, code.data)
            self._source = parse_source(code)

    def replace(self, references: Sequence[Reference]) -> None:
        """Replace every reference in the text and add the imports that the replacements need."""
        if not self._source:
            return
        places = self._places(self._source, references)
        self._check_names(places)
        for span, reference in reversed(places):
            with self._noting():
                self.text = self._source.replace_span(self.text, span, reference.replace)
        # An expression that was replaced before this run, for example by hand, needs its import as well.
        first = min((span.start for span in [*self._done, *(span for span, _ in places)]), default=0)
        for statement in dict.fromkeys(reference.import_ for reference in references if reference.import_):
            if not self.problems:
                below = len(self.text) - first
                with self._noting("`import` "):
                    self.text = add_import(self.text, statement, before=first)
                first = len(self.text) - below

    def _check_names(self, places: Sequence[tuple[Span, Reference]]) -> None:
        """Check that what a reference imports has its meaning at the place of the replacement."""
        importing = [(span, reference) for span, reference in places if reference.import_]
        module = parse_tree(self.text) if importing and is_python(self.code.file) else None
        for span, reference in importing if module else ():
            names: set[str] = set()
            with contextlib.suppress(ProblemError):  # an import that is none has been noted
                names = imported_names(reference.import_)
            if module and names and (taken := names & shadowed_names(self.text, module, span.start)):
                with self._noting():
                    fact = f'the name "{min(taken)}" stands for something else where it would be used.'
                    line = find_line(self.text, span.start)
                    hint = "Import it under another name, by `as`."
                    raise code_problem("name-in-code-taken", fact, hint, self.code.file, line)

    def insert(self, inserts: Sequence[Insert]) -> None:
        """Add every definition that the file does not have."""
        for insert in inserts if self._source else ():
            with self._noting("`code` "):
                self._only_python()
                self.text = add_definitions(self.text, insert.code, self.code.file)

    def result(self) -> bytes:
        """Return the bytes to write, which are the bytes read if there is a problem."""
        after = self.code.data
        if not self.problems:
            with self._noting("rewritten, "):
                after = self._encoded()
                if after != self.code.data:
                    check_syntax(self.code.file, after)
        return self.code.data if self.problems else after

    def _places(self, source: PythonCode | PlainText, references: Sequence[Reference]) -> list[tuple[Span, Reference]]:
        """Return the place of each reference that is not replaced yet, in the order of the text."""
        places: list[tuple[Span, Reference]] = []
        done: Counter[str] = Counter()
        for reference in references:
            self._check_import(reference)
            old_spans = self._spans(source, "`find` ", reference.find)
            new = self._spans(source, "`replace` ", reference.replace)
            if old_spans is None or new is None:
                continue
            remaining = unreplaced_spans(old_spans, new)
            done[reference.replace] += 0 if remaining else reference.places
            self._done += new
            with self._noting():
                if len(remaining) != reference.places and (remaining or done[reference.replace] > len(new)):
                    raise _wrong_number(self.code.file, self.text, reference, remaining)
                places += [(span, reference) for span in remaining if self._is_free(span, reference, places)]
        return sorted(places, key=lambda place: place[0])

    def _spans(self, source: PythonCode | PlainText, subject: str, code: str) -> list[Span] | None:
        """Return the places of an expression, or note a problem and return None."""
        spans: list[Span] | None = None
        with self._noting(subject):  # this suppresses the exception after which spans is still None
            spans = source.spans(code)
        return spans  # noqa: RET504 -- see above

    def _is_free(self, span: Span, reference: Reference, places: Sequence[tuple[Span, Reference]]) -> bool:
        clash = [other.find for taken, other in places if span.overlaps(taken)]
        if clash:
            fact = f"{reference.find} and {clash[0]} are found in the same place."
            raise code_problem(
                "references-overlap",
                fact,
                "Keep one of the two references.",
                self.code.file,
                find_line(self.text, span.start),
            )
        return True

    def _check_import(self, reference: Reference) -> None:
        if reference.import_:
            with self._noting("`import` "):
                self._only_python()
                parse_import(reference.import_)

    def _only_python(self) -> None:
        if not is_python(self.code.file):
            raise code_problem("not-python", "is for Python files only.", "Take it out of the plan.")

    def _encoded(self) -> bytes:
        try:
            # The byte order mark of utf-8-sig is not part of the text. Encoding adds it again.
            return self.text.encode(self.code.encoding)
        except UnicodeEncodeError as error:
            fact = f"it would have a character, {error.object[error.start]!a}, that {self.code.encoding} cannot encode."
            raise code_problem("code-encoding", fact, "Write it as an escape, or save the file as UTF-8.") from None

    @contextlib.contextmanager
    def _noting(self, beginning: str = "") -> Iterator[None]:
        """Note a ProblemError as a problem whose sentence starts with ``beginning``."""
        try:
            yield
        except ProblemError as error:
            for problem in error.problems:
                fact = problem.what if is_unparsable(problem) else beginning + problem.what
                noted = replace(problem, subject=problem.subject or self.code.file, what=fact)
                self.problems += [noted] if noted not in self.problems else []


def _wrong_number(file: str, text: str, reference: Reference, spans: Sequence[Span]) -> ProblemError:
    """Return the problem that a reference is found nowhere, or not as often as it states."""
    lines = [find_line(text, span.start) for span in spans]
    if lines:
        fact = f"{reference.find} is found {counted(len(lines), 'time')} (lines {', '.join(map(str, lines))})."
        if len(lines) < reference.places:
            hint = "Correct `places`, which states how often it is to be found."
            return code_problem("found-too-rarely", fact, hint, file, lines[0])
        hint = (
            f"Write `places = {len(lines)}` if all are to be replaced. If not, make `find` more specific: "
            "take in more of the expression around the one meant."
        )
        return code_problem("found-more-than-once", fact, hint, file, lines[0])
    fact = f"{reference.find} is not found, and neither is {reference.replace}."
    near = _nearest(text, reference.find)
    return code_problem(
        "not-found",
        fact,
        "Correct `find` to what the file says here." if near else "Correct `find` or `file`.",
        file,
        near,
    )


def _nearest(text: str, find: str) -> int:
    """Return the first line with the longest quoted part of the expression, or 0."""
    quoted = re.findall(r"""["']([^"']+)["']""", find)
    at = text.find(max(quoted, key=len)) if quoted else -1
    return find_line(text, at) if at >= 0 else 0


def write_rewrites(root: Path, rewrites: Iterable[Rewrite], ledger: Ledger) -> None:
    """Write each rewritten code file, after noting its digest in the ledger.

    Raises:
        ProblemError: A file has changed since it was read; it was not rewritten.
        OSError: It cannot be written.
    """
    for rewrite in rewrites:
        path = root / rewrite.file
        if path.read_bytes() != rewrite.before:
            raise ProblemError(
                Problem(
                    "code-changed",
                    rewrite.file,
                    "has changed while the run went on. It was not rewritten.",
                    "Find out who edits it, and run again.",
                )
            )
        ledger.note("rewriting", file=rewrite.file, after=hashlib.sha256(rewrite.after).hexdigest())
        replace_file(path, rewrite.after, path.stat().st_mode & 0o777)
