"""Test that the written plan is valid whatever names occur. No file is overwritten."""

from __future__ import annotations

import json
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sqlite_consolidate.engine.code.suggestions.suggest import ProposedReference
from sqlite_consolidate.inventory.code.smoke_tests import ProposedSmoke
from sqlite_consolidate.inventory.plan_writer import render_plan, wrapped_comment, write_plan
from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
from sqlite_consolidate.inventory.proposed_parts import LeftOut, ProposedLeave, ProposedMap
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.text import literal_pattern, toml_string

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = 'a"b\\c\n# decide: \x1b[2J\x7f\u202e]'


def hostile() -> Proposal:
    """Return a proposal whose texts all try to escape from their places."""
    table_map = ProposedMap(HOSTILE, f"{HOSTILE}2", "3", (HOSTILE,), (HOSTILE,), (HOSTILE,), apart=HOSTILE)
    source = ProposedSource(
        "source", "a\nb.db", (HOSTILE,), (table_map,), (ProposedLeave("x[*]", HOSTILE, (HOSTILE,)),), (), (HOSTILE,)
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


def test_hostile_names_stay_in_their_values(tmp_path: Path) -> None:
    """Quotes, line ends and control characters are escaped in values and in comments."""
    text = render_plan(hostile(), "2026-11-22")
    (tmp_path / "plan.toml").write_text(text, "utf-8")

    plan = load(tmp_path / "plan.toml")

    assert (plan.sources[0].file, plan.sources[0].tables[0].name) == ("a\nb.db", HOSTILE)
    assert (plan.sources[0].tables[0].into, plan.sources[0].leave[0].reason) == (f"{HOSTILE}2", HOSTILE)
    assert (plan.references[0].find, plan.scan.paths) == ('"a\nb.db"', ["a\nb"])
    assert [test.name for test in plan.smoke] == ["import app.queue"]
    assert "\x1b" not in text
    assert not plan.sources[0].all_tables


def test_every_decision_is_counted_and_marked() -> None:
    """The header gives the number of marks."""
    proposal = hostile()
    text = render_plan(proposal, "2026-11-22")

    marks = [line for line in text.splitlines() if line.lstrip().startswith("# decide: ")]

    assert len(marks) == proposal.decisions == 7
    assert "# 7 places " in text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_toml_reads_any_quoted_text_back(text: str) -> None:
    """A table may have any name."""
    assert tomllib.loads(f"a = {toml_string(text)}") == {"a": text}


@given(st.text(alphabet="a[]*?!-"))
def test_literal_pattern_matches_only_its_name(name: str) -> None:
    """Brackets in the name match themselves."""
    assert fnmatchcase(name, literal_pattern(name))
    assert not fnmatchcase(f"{name}x", literal_pattern(name))


def test_existing_plan_is_never_overwritten(tmp_path: Path) -> None:
    """The plan gets the next free name."""
    wanted = tmp_path / "consolidation.toml"

    written = [write_plan(str(number), wanted) for number in range(3)]

    assert [path.name for path, _ in written] == [
        "consolidation.toml", "consolidation.proposed.toml", "consolidation.proposed-2.toml",
    ]  # fmt: skip
    assert [path.read_text() for path, _ in written] == ["0", "1", "2"]


def test_schema_is_beside_the_plan_and_named_there(tmp_path: Path) -> None:
    """The relative path is valid on every machine, with or without a network."""
    written, _ = write_plan(render_plan(hostile(), "2026-11-22"), tmp_path / "consolidation.toml")

    first = written.read_text("utf-8").splitlines()[0]
    assert first == "#:schema ./consolidation.schema.json"
    assert json.loads((tmp_path / "consolidation.schema.json").read_bytes())["type"] == "object"


def test_plan_names_the_program_of_its_inventory() -> None:
    """A reader of the plan goes on with the same program."""
    text = render_plan(hostile(), "2026-11-22", ("sqlite-consolidate",))

    assert "# Proposed by sqlite-consolidate inventory on" in text
    assert "sqlite-consolidate verify --workspace=DIR" in text
    assert "pytest" not in text


def test_line_of_a_comment_keeps_code_together() -> None:
    """A statement that is copied from two lines would have the sign of a comment in it."""
    code = "`UPDATE \"a\" SET b = 'c', d = 'e'`"

    texts = [wrapped_comment("x" * length + f" {code} and more") for length in range(80, 120)]

    assert all(code in text for text in texts)


def test_line_of_a_comment_keeps_an_assignment_together() -> None:
    """A person copies it."""
    texts = [wrapped_comment("x" * length + ' keys = "keep" and more') for length in range(80, 120)]

    assert len({text.count("\n") for text in texts}) > 1
    assert [text for text in texts if 'keys = "keep"' not in text] == []
