"""The file that is written: valid whatever names there are, and never over another."""

from __future__ import annotations

import json
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sqlite_consolidate.engine.code.suggest import ProposedReference
from sqlite_consolidate.inventory.plan_writer import literal_pattern, render_plan, toml_string, write_plan
from sqlite_consolidate.inventory.proposal import (
    LeftOut,
    Proposal,
    ProposedLeave,
    ProposedMap,
    ProposedSmoke,
    ProposedSource,
)
from sqlite_consolidate.plan.loader import load

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = 'a"b\\c\n# decide: \x1b[2J\x7f\u202e]'


def hostile() -> Proposal:
    """A proposal all of whose texts try to break out of their places."""
    table_map = ProposedMap(HOSTILE, f"{HOSTILE}2", "3", (HOSTILE,), (HOSTILE,), (HOSTILE,))
    source = ProposedSource(
        "source", "a\nb.db", (HOSTILE,), (table_map,), (ProposedLeave("x[*]", HOSTILE, (HOSTILE,)),)
    )
    return Proposal(
        name="name",
        target='t".db',
        target_reasons=(HOSTILE,),
        sources=(source,),
        left_out=(LeftOut(HOSTILE, HOSTILE, decide=True),),
        references=(
            ProposedReference("a.py", 3, '"a\nb.db"', '"t"', "import os", understood=True, reason=HOSTILE),
            ProposedReference(HOSTILE, 4, HOSTILE, "", "", understood=False, reason=HOSTILE),
        ),
        smoke=(ProposedSmoke("app.queue", "src"), ProposedSmoke(HOSTILE, HOSTILE, HOSTILE, HOSTILE)),
        scan=("a\nb",),
        decide=(HOSTILE,),
    )


def test_hostile_names_stay_in_their_places(tmp_path: Path) -> None:
    """Quotes, line ends and escapes are data in a value, and escapes in a comment."""
    text = render_plan(hostile(), "2026-11-22")
    (tmp_path / "plan.toml").write_text(text, "utf-8")

    plan = load(tmp_path / "plan.toml")

    assert (plan.sources[0].file, plan.sources[0].tables[0].name) == ("a\nb.db", HOSTILE)
    assert (plan.sources[0].tables[0].into, plan.sources[0].leave[0].reason) == (f"{HOSTILE}2", HOSTILE)
    assert (plan.references[0].find, plan.scan.paths) == ('"a\nb.db"', ["a\nb"])
    assert [test.name for test in plan.smoke] == ["import app.queue"]
    assert "\x1b" not in text


def test_every_decision_is_counted_and_marked() -> None:
    """The number in the header is the number of marks."""
    proposal = hostile()
    text = render_plan(proposal, "2026-11-22")

    marks = [line for line in text.splitlines() if line.lstrip().startswith("# decide: ")]

    assert len(marks) == proposal.decisions == 6
    assert "# 6 places need a decision" in text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_is_quoted_as_toml_reads_it(text: str) -> None:
    """Whatever a table is called."""
    assert tomllib.loads(f"a = {toml_string(text)}") == {"a": text}


@given(st.text(alphabet="a[]*?!-"))
def test_a_pattern_matches_its_own_name(name: str) -> None:
    """And a bracket in it is a bracket."""
    assert fnmatchcase(name, literal_pattern(name))
    assert not fnmatchcase(f"{name}x", literal_pattern(name))


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    """The plan goes beside it, as often as need be."""
    wanted = tmp_path / "consolidation.toml"

    written = [write_plan(str(number), wanted) for number in range(3)]

    assert [path.name for path in written] == [
        "consolidation.toml", "consolidation.proposed.toml", "consolidation.proposed-2.toml",
    ]  # fmt: skip
    assert [path.read_text() for path in written] == ["0", "1", "2"]


def test_the_schema_lies_beside_the_plan_and_is_named_in_its_first_line(tmp_path: Path) -> None:
    """By a path that means the same on every machine, with or without a network."""
    written = write_plan(render_plan(hostile(), "2026-11-22"), tmp_path / "consolidation.toml")

    first = written.read_text("utf-8").splitlines()[0]
    assert first == "#:schema ./consolidation.schema.json"
    assert json.loads((tmp_path / "consolidation.schema.json").read_bytes())["type"] == "object"
