"""Read ``junit.xml`` with the programs that import such files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from junitparser import Failure, JUnitXml

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import Workspace

# The shape that Jenkins' schema of JUnit files allows: element to attributes and to elements inside it.
SHAPE = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "disabled"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set[str](), {"property"}),
    "property": ({"name", "value"}, set[str]()),
    "testcase": (
        {"name", "classname", "time", "status", "assertions"},
        {"skipped", "error", "failure", "system-out", "system-err", "properties"},
    ),
    "skipped": ({"message", "type"}, set[str]()),
    "failure": ({"message", "type"}, set[str]()),
    "error": ({"message", "type"}, set[str]()),
    "system-out": (set[str](), set[str]()),
    "system-err": (set[str](), set[str]()),
}


def test_junit_file_has_its_shape_after_hostile_failure(
    workspace: Workspace,
) -> None:
    """The failed smoke test's name has control characters, markup and a bidi override."""
    workspace.edit("consolidation.toml", '"the store reads its tasks"', r'"\u001b[2J </failure> \u202e & ]]>"')
    workspace.edit("consolidation.toml", '"^3$"', '"^4$"')

    ran = workspace.forked("verify")

    assert ran.exit == 1, ran.text
    assert ran.folder is not None
    data = (ran.folder / "junit.xml").read_bytes()
    for element in ET.fromstring(data).iter():
        attributes, inside = SHAPE[element.tag]
        assert set(element.attrib) <= attributes, element.tag
        assert {child.tag for child in element} <= inside, element.tag
    [suite] = JUnitXml.fromstring(data)
    failed = [case for case in suite if any(isinstance(result, Failure) for result in case.result)]
    assert [case.name for case in failed] == ["test_each_application_works[smoke-1]"]
    assert suite.failures == 1
    assert suite.tests == len(list(suite))
