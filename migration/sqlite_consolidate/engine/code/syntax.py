"""Find an expression in source text and replace it."""

from __future__ import annotations

import ast
import contextlib
import re
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from sqlite_consolidate.engine.code.quotes import respelled
from sqlite_consolidate.engine.code.scopes import nodes_of, span_of
from sqlite_consolidate.engine.code.source_files import Span, find_line, line_starts
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

    import libcst

_BY_HAND = "Change this file by hand, and take it out of the plan."
_TOO_DEEP = "it is nested too deeply to be read."
_MARK = "_sqlite_consolidate_place_{}_"
# Expressions that Python's tree places from their first letter to their last, without parentheses around them.
_EXACTLY_PLACED = (ast.Attribute, ast.BinOp, ast.Call, ast.Constant, ast.Name, ast.Subscript)


def code_problem(id: str, fact: str, hint: str, file: str = "", line: int = 0) -> ProblemError:
    """Return the error of a plan entry that does not fit the code.

    Args:
        id: Name of the message, which docs/troubleshooting.md explains: ``"bad-find"``.
        fact: One sentence of fact.
        hint: One sentence that says what to do next.
        file: The file it is about; empty where it is about the plan's own code, whatever file that is for.
        line: The line, from 1; 0 for none.
    """
    subject = f"{file}:{line}" if line else file
    return ProblemError(Problem(id, subject, fact, hint, criterion="references-found"))


def is_unparsable(problem: Problem) -> bool:
    """Return whether a statement cannot be read, whatever is looked for in it."""
    return problem.id == "code-unparsable"


def _unparsable(fact: str, file: str = "", line: int = 0) -> ProblemError:
    return code_problem("code-unparsable", fact, _BY_HAND, file, line)


def compile_module(source: str | bytes) -> CodeType:
    """Return the code object of a module without executing it.

    Raises:
        SyntaxError: It is not valid Python, or nothing that this interpreter can take in.
    """
    code: CodeType = _compile(source, "exec", 0)
    return code


@overload
def parse_tree(source: str, mode: Literal["exec"] = "exec") -> ast.Module: ...
@overload
def parse_tree(source: str, mode: Literal["eval"]) -> ast.Expression: ...
def parse_tree(source: str, mode: Literal["exec", "eval"] = "exec") -> ast.Module | ast.Expression:
    """Return the syntax tree of a module, or of one expression.

    Raises:
        SyntaxError: As for :func:`compiled`.
    """
    parsed: ast.Module | ast.Expression = _compile(source, mode, ast.PyCF_ONLY_AST)
    return parsed


def normalized_dump(node: ast.AST) -> str:
    """Return a text that is equal for code that differs only in layout.

    Layout is spacing, quotes and redundant parentheses.
    """
    for constant in ast.walk(node):
        if isinstance(constant, ast.Constant):
            constant.kind = None  # the u of u"..." changes nothing
    return ast.dump(node)


def parse_expression(code: str) -> ast.Expression:
    """Return the tree of an expression that a plan states.

    Raises:
        ProblemError: It is not one.
    """
    try:
        return parse_tree(code.strip(), "eval")
    except SyntaxError as error:
        fact = f"is not a Python expression ({error.msg}): {code.strip()}"
        raise code_problem(
            "bad-find", fact, "Write one expression, in parentheses if it spans several lines."
        ) from None


class PlainText:
    """Find a place letter by letter in YAML, TOML, INI, shell, JSON or environment files."""

    def __init__(self, text: str) -> None:
        self.text = text

    def spans(self, find: str) -> list[Span]:
        """Return every place where the text is exactly ``find``, in order, without overlaps."""
        return [Span(*match.span()) for match in re.finditer(re.escape(find), self.text)]

    @staticmethod
    def replace_span(text: str, span: Span, code: str) -> str:
        """Return ``text`` with ``code`` in place of the span."""
        return text[: span.start] + code + text[span.end :]


class PythonCode:
    """Find a place in Python source by its syntax.

    Python's tree places most expressions. libcst, which takes its time, reads only statements with another place.

    Raises:
        ProblemError: When it is made from a text that is not valid Python.
    """

    def __init__(self, text: str, file: str = "") -> None:
        self.text = text
        self.file = file
        self._parts = _parts(text, file)

    def spans(self, find: str) -> list[Span]:
        """Return every place where Python evaluates the expression ``find``, in order.

        Raises:
            ProblemError: ``find`` is not an expression, or libcst cannot read a statement that has it.
        """
        wanted = _Wanted.of(find)
        parts = [part for part in self._parts if part.may_have(wanted)]
        return _evaluated(self.text, [span for part in parts for span in _places(part, wanted, self.text, self.file)])

    def replace_span(self, text: str, span: Span, code: str) -> str:
        """Return ``text`` with ``code`` in place of the span.

        The code is put in parentheses if it needs them to keep its meaning. Inside an f-string its quotes and lines are
        adapted.

        Raises:
            ProblemError: The code cannot stand there.
        """
        try:
            return _placed(text, span, code.strip())
        except RecursionError:
            raise _unparsable(_TOO_DEEP) from None
        except SyntaxError as error:
            for spelling in respelled(code.strip()):
                with contextlib.suppress(SyntaxError):
                    return _placed(text, span, spelling)
            line = find_line(text, span.start)
            fact = f"the replacement cannot stand here ({error.msg}): {code.strip()}"
            hint = "Write `replace` without a comment or backslash."
            raise code_problem("bad-replace", fact, hint, self.file, line) from None


class _Wanted(NamedTuple):
    """Hold an expression that is looked for.

    Attributes:
        find: The expression as the plan has it.
        dump: Its normalized dump.
        names: Names and attributes in it.
    """

    find: str
    body: ast.expr
    dump: str
    names: frozenset[str]

    @classmethod
    @lru_cache(maxsize=64)  # rewriting a file and checking it look for the same expressions
    def of(cls, find: str) -> _Wanted:
        """Return what is looked for by an expression of a plan.

        Raises:
            ProblemError: It is not one.
        """
        body = parse_expression(find).body
        nodes = list(ast.walk(body))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        return cls(find.strip(), body, normalized_dump(body), frozenset(names))


@dataclass(frozen=True)
class _Part:
    """Hold statements of a module that have their lines for themselves.

    Attributes:
        source: Their text.
        start: Offset of their first line.
        line: Number of that line, from 0.
    """

    source: str
    start: int
    line: int
    statements: tuple[ast.stmt, ...]

    def may_have(self, wanted: _Wanted) -> bool:
        """Return whether an expression of the statements may mean the same as the wanted one.

        Python's tree has no node for the beginning of ``a and b and c``. It has letters outside ASCII in another form
        than the text may have.
        """
        if self.source.isascii() and not all(name in self.source for name in wanted.names):
            return False
        if isinstance(wanted.body, ast.BoolOp):
            return True
        try:
            return bool(self.nodes_like(wanted))
        except RecursionError:
            return True

    def nodes_like(self, wanted: _Wanted) -> list[ast.expr]:
        """Return the nodes of Python's tree that mean the same as the wanted expression."""
        alike = [node for node in self._nodes if isinstance(node, ast.expr) and type(node) is type(wanted.body)]
        return [node for node in alike if normalized_dump(node) == wanted.dump]

    @cached_property
    def in_f_strings(self) -> frozenset[ast.AST]:
        """Return the nodes of f-strings."""
        return frozenset(nodes_of(*(node for node in self._nodes if isinstance(node, ast.JoinedStr))))

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        """Return every node of the statements."""
        return nodes_of(*self.statements)


@lru_cache(maxsize=16)  # rewriting a file and checking it read the same text
def _parts(text: str, file: str) -> tuple[_Part, ...]:
    """Return the statements of a module in parts that can be read alone.

    Raises:
        ProblemError: The text is not valid Python.
    """
    try:
        body = parse_tree(text).body
    except SyntaxError as error:
        raise code_problem(
            "code-invalid", f"it is not valid Python: {error.msg}.", _BY_HAND, file, error.lineno or 0
        ) from None
    starts = [*line_starts(text), len(text)]
    groups: list[tuple[int, int, list[ast.stmt]]] = []
    for statement in body:
        decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)]) - 1
        end = statement.end_lineno or statement.lineno
        if groups and first < groups[-1][1]:  # a; b
            groups[-1] = groups[-1][0], end, [*groups[-1][2], statement]
        else:
            groups.append((first, end, [statement]))
    return tuple(
        _Part(text[starts[first] : starts[end]], starts[first], first, tuple(statements))
        for first, end, statements in groups
    )


def _places(part: _Part, wanted: _Wanted, module: str, file: str) -> list[Span]:
    """Return every place of a part of a module where an expression stands, in order."""
    with contextlib.suppress(RecursionError):
        nodes = part.nodes_like(wanted) if isinstance(wanted.body, _EXACTLY_PLACED) else []
        if nodes and part.in_f_strings.isdisjoint(nodes):  # because Python 3.11 places these wrongly
            return sorted(span_of(module, node) for node in nodes)
    kinds = _kinds(wanted.find)
    candidates = [span for span, node in _expressions(part.source, file, part.line) if isinstance(node, kinds)]
    meant = [span for span in candidates if _means(part.source, span, wanted.dump)]
    return [Span(part.start + span.start, part.start + span.end) for span in meant]


def _means(text: str, span: Span, wanted: str) -> bool:
    try:
        return normalized_dump(parse_tree(f"({text[span.start : span.end]}\n)", "eval").body) == wanted
    except SyntaxError:  # a name that stands where no expression may: def name, import name, keyword=
        return False


def _evaluated(text: str, spans: list[Span]) -> list[Span]:
    """Keep the places whose value Python reads.

    A unique name is put into each place, and Python's parser shows which of them it would load. Names that are
    assigned, defined, imported or deleted, and keywords, are left out by that. It reads the whole module, because some
    statements need a line before or after them: a decorator in parentheses, a backslash before an empty line.
    """
    if not spans:
        return []
    for number, span in reversed(list(enumerate(spans))):
        glued = re.match(r"\w", text[max(span.start - 1, 0) : span.start])  # return"x"
        text = PlainText.replace_span(text, span, f"{' ' if glued else ''}{_MARK.format(number)} ")
    names = [node for node in ast.walk(parse_tree(text)) if isinstance(node, ast.Name)]
    read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    return [span for number, span in enumerate(spans) if _MARK.format(number) in read]


@lru_cache(maxsize=16)  # a proposal and the check of its rewrite place the same code
def _placed(text: str, span: Span, code: str) -> str:
    """Return ``text`` with ``code`` in place of the span, in parentheses if it needs them.

    Raises:
        SyntaxError: The code cannot stand there in this spelling.
    """
    plain = PlainText.replace_span(text, span, code)
    in_parentheses = PlainText.replace_span(text, span, f"({code})")
    intended = normalized_dump(parse_tree(in_parentheses))
    try:
        return plain if normalized_dump(parse_tree(plain)) == intended else in_parentheses
    except SyntaxError:
        return in_parentheses


@lru_cache(maxsize=64)  # rewriting a file and checking it read the same statements
def _expressions(text: str, file: str, line: int) -> list[tuple[Span, libcst.CSTNode]]:
    """Return every expression of some statements with its place, in order.

    The halves of an implicitly joined string such as "a" "b" are not expressions.

    Args:
        text: The statements.
        file: The file that has them.
        line: Number of lines before them.
    """
    import libcst as cst
    from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

    try:
        wrapper = MetadataWrapper(_module(text, file, line), unsafe_skip_copy=True)
        places = wrapper.resolve(ByteSpanPositionProvider)
    except RecursionError:
        raise _unparsable(_TOO_DEEP) from None
    joined = [node for node in places if isinstance(node, cst.ConcatenatedString)]
    halves = {half for node in joined for half in (node.left, node.right)}
    characters = _character_offsets(text)
    nodes = [
        (Span(characters[place.start], characters[place.start + place.length]), node)
        for node, place in places.items()
        if isinstance(node, cst.BaseExpression) and node not in halves
    ]
    return sorted(nodes, key=lambda item: item[0])


def _module(text: str, file: str, line: int) -> libcst.Module:
    """Return libcst's tree of statements.

    Each node is as long as its part of the text.
    """
    import libcst as cst

    # libcst drops form feeds and lone carriage returns. Their substitutes have the same length and are never written.
    code = re.sub(r"\r(?!\n)", "\n", text).replace("\f", " ")
    try:
        module = cst.parse_module(code)
    except cst.ParserSyntaxError as error:
        raise _unparsable(f"libcst cannot read it ({error.message}).", file, line + error.raw_line) from None
    except TypeError:  # its own error, of return(lambda: x)()
        raise _unparsable("libcst cannot read a lambda behind a word and no blank.", file, line + 1) from None
    if module.code != code:  # in rare cases libcst drops blanks, and all later positions would be wrong
        raise _unparsable("it has blanks that libcst loses: places in it cannot be told exactly.")
    return module


@lru_cache(maxsize=64)
def _kinds(find: str) -> tuple[type[libcst.CSTNode], ...]:
    """Return the kinds of libcst's nodes that can mean the same as the expression."""
    import libcst as cst

    strings = (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)
    node = cst.parse_expression(f"({find}\n)")
    return strings if isinstance(node, strings) else (type(node),)


def _character_offsets(text: str) -> Sequence[int]:
    """Return the offset in characters for each offset into the UTF-8 bytes of the text."""
    if text.isascii():
        return range(len(text) + 1)
    offsets = [at for at, character in enumerate(text) for _ in character.encode()]
    return [*offsets, len(text)]


@lru_cache(maxsize=8)  # an inventory reads each module several times, and leaves its tree as it is
def _compile(source: str | bytes, mode: str, flags: int) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in an application's string is no fault of the plan
            return compile(source, "<code>", mode, flags, dont_inherit=True)
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL; nested deeper than the parser can go
        raise SyntaxError(str(error) or "too deeply nested") from None
