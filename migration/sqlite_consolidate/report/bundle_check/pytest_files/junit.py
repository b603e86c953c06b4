"""Read the ``junit.xml`` of a bundle, which may come from anywhere.

A document type, a comment and a foreign element are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

_INSIDE = {
    "testsuites": ("",),
    "testsuite": ("testsuites",),
    "testcase": ("testsuite",),
    "failure": ("testcase",),
    "error": ("testcase",),
    "skipped": ("testcase",),
    "system-out": ("testcase", "testsuite"),
    "system-err": ("testcase", "testsuite"),
    "properties": ("testcase", "testsuite"),
    "property": ("properties",),
}
"""Each element that pytest writes, with the elements that it may be in."""

_OUTCOMES = {"failure": "Failed", "error": "Error", "skipped": "Skipped"}
_TEXTS = (*_OUTCOMES, "system-out", "system-err")


@dataclass
class TestCase:
    """Hold one test of a ``junit.xml``.

    Attributes:
        module: Name of its test file, without folders and suffix.
        name: Its name, parameters included.
        outcomes: Its outcomes in the words of pytest-html; empty for a test that passed.
    """

    __test__ = False

    module: str
    name: str
    outcomes: list[str] = field(default_factory=list)


@dataclass
class JUnit:
    """Hold the contents of a ``junit.xml``.

    Attributes:
        suite: Attributes of its only suite.
        cases: Its tests, in order.
    """

    suite: dict[str, str] = field(default_factory=dict)
    cases: list[TestCase] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """Return how many tests have an outcome."""
        return sum(case.outcomes.count(outcome) for case in self.cases)


def read_junit(data: bytes) -> JUnit:
    """Return the contents of a ``junit.xml``.

    Raises:
        ValueError: It is no XML, or has something that pytest does not write there.
    """
    return _Reader(data).junit


class _Reader:
    """Read a file from its first byte to its last."""

    def __init__(self, data: bytes) -> None:
        self.junit = JUnit()
        self._open = [""]
        self._suites = 0
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = lambda _name: self._open.pop()
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = lambda _text: _refuse("a comment")
        parser.ProcessingInstructionHandler = lambda _target, _text: _refuse("a processing instruction")
        parser.StartDoctypeDeclHandler = lambda *_parts: _refuse("a document type")
        try:
            parser.Parse(data, True)  # noqa: FBT003 -- takes no keyword
        except expat.ExpatError as error:
            raise ValueError(f"no XML ({error})") from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._open[-1] not in _INSIDE.get(name, ()):
            _refuse(f"an element {name} in {self._open[-1] or 'nothing'}")
        self._open.append(name)
        if name == "testsuite":
            self._suites += 1
            if self._suites > 1:
                _refuse("a second suite")
            self.junit.suite = attributes
        elif name == "testcase":
            module = attributes.get("classname", "").rpartition(".")[2]
            self.junit.cases.append(TestCase(module, attributes.get("name", "")))
        elif name in _OUTCOMES:
            self.junit.cases[-1].outcomes.append(_OUTCOMES[name])

    def _text(self, text: str) -> None:
        if text.strip() and self._open[-1] not in _TEXTS:
            _refuse("a text outside of its tests")


def _refuse(description: str) -> NoReturn:
    raise ValueError(f"it has {description}")
