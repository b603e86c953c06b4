"""Specify the reference that is suggested for a computed name of an old database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.rewrite import plan_rewrites
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggestions.suggest import ProposedReference, propose_references
from sqlite_consolidate.plan.parts.programs import Reference

if TYPE_CHECKING:
    from pathlib import Path

OLD = ["data/tenants/acme.db", "data/tenants/aero.db"]


def suggested(root: Path, text: str, old: list[str] = OLD) -> ProposedReference:
    """Write a module with one computed name, and return its only proposal."""
    (root / "app.py").write_text(text)
    [proposal] = propose_references(ScanScope(root, ["app.py"], old, "main.db"))
    assert not proposal.understood
    return proposal


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = f"{ROOT}/data/tenants/{name}.db"', 'x = f"{ROOT}/main.db"'),
        ('x = f"data/tenants/{name}.db"', 'x = "main.db"'),
        ('x = f"{DATA}/tenants/a{name}.db"', 'x = f"{DATA}/../main.db"'),
        ('x = ROOT / "data" / "tenants" / f"{name}.db"', 'x = ROOT / "main.db"'),
        ('x = DATA / f"tenants/{name}.db"', 'x = DATA.resolve().parent / "main.db"'),
        ('x = TENANTS / f"a{day:%Y}.db"', 'x = TENANTS.resolve().parents[1] / "main.db"'),
        (
            'x = os.path.join(DATA, "tenants", f"{name}.db")',
            'x = os.path.normpath(os.path.join(DATA, "..", "main.db"))',
        ),
        ('x = "data/tenants/%s.db" % name', 'x = "main.db"'),
        ('x = "data/tenants/{}.db".format(name)', 'x = "main.db"'),
    ],
)
def test_computed_path_has_a_suggestion(tmp_path: Path, before: str, after: str) -> None:
    """A plan with it rewrites the module."""
    made = suggested(tmp_path, f"{before}\n")

    reference = Reference(file="app.py", find=made.find, replace=made.replace, places=made.places)
    [rewrite], problems = plan_rewrites(tmp_path, [reference], [])
    assert problems == ()
    assert rewrite.after.decode() == f"{after}\n"


@pytest.mark.parametrize(
    "text",
    [
        'x = "data/tenants/" + name + ".db"',
        'x = glob("data/tenants/*.db")',
        'x = tempfile.mkdtemp() + f"/data/tenants/{name}.db"',
    ],
)
def test_other_code_has_no_suggestion(tmp_path: Path, text: str) -> None:
    """Its line is shown."""
    made = suggested(tmp_path, f"{text}\n")

    assert (made.find, made.replace) == (text, "")


def test_name_in_two_folders_has_no_suggestion(tmp_path: Path) -> None:
    """The path of the target is another one from each folder."""
    made = suggested(tmp_path, 'x = f"{folder}/a{name}.db"\n', ["data/acme.db", "old/2024/aero.db"])

    assert made.replace == ""
