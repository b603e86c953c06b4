"""Specify when a proposal asks how code tells merged files apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import load_plan, rehearse
from sqlite_consolidate.inventory.session import InventorySession
from tests.support.scanned_trees import write
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal
else:
    pass

SALES = "CREATE TABLE sales(id INTEGER PRIMARY KEY, total REAL); INSERT INTO sales VALUES (1, {0}.5), (2, {0}.5)"
MAIN = "".join(f"CREATE TABLE {name}(a); INSERT INTO {name} VALUES (1), (2);" for name in ("plan", "job", "region"))
BY_NAME = 'import sqlite3\n\n\ndef total():\n    con = sqlite3.connect("stores/{}.db")\n'
TOTAL = "sqlite3 pos.db 'SELECT sum(total) FROM sales'\n"
LOOP = (
    'import sqlite3\nfrom pathlib import Path\n\nfor file in Path("stores").glob("*.db"):\n    sqlite3.connect(file)\n'
)


def refined_of(root: Path, code: dict[str, str], *, main: str = "") -> RefinedProposal:
    """Take the inventory of two stores and some code, and return the plan that is proposed."""
    stores = {f"stores/{name}.db": SALES.format(number) for number, name in enumerate(("berlin", "hamburg"), 1)}
    return proposed_for(root, stores | ({"main.db": main} if main else {}), code)


def proposed_for(root: Path, databases: dict[str, str], code: dict[str, str]) -> RefinedProposal:
    """Take the inventory of databases and code, and return the plan that is proposed."""
    for file, sql in databases.items():
        (root / file).parent.mkdir(exist_ok=True)
        execute(root / file, sql)
    for file, text in code.items():
        write(root, file, text)
    session = InventorySession(root, root / "plan.toml", lambda _words: None)
    session.inspect_workspace()
    session.write_plan()
    assert session.refined is not None
    return session.refined


CODE = {f"{name}.py": BY_NAME.format(name) for name in ("berlin", "hamburg")}


def asked(refined: RefinedProposal) -> list[str]:
    """Return the ids at the end of all questions of a proposal."""
    questions = [text for source in refined.proposal.sources for text in source.questions]
    return re.findall(r"\[([\w-]+)\](?:$|\n)", "\n".join(questions))


def test_files_of_two_programs_are_one_decision(tmp_path: Path) -> None:
    """No other decision is about the table, and a rehearsal has the finding as well."""
    refined = refined_of(tmp_path, CODE, main=MAIN)

    result = rehearse(load_plan(tmp_path / "plan.toml"), tmp_path)

    assert (asked(refined), refined.proposal.decisions, refined.objections) == (["files-told-apart"], 1, ())
    assert [each.subject for each in result.findings if each.id == "files-told-apart"] == ["stores/berlin.db:sales"]


def test_programs_beside_files_of_one_name_are_asked(tmp_path: Path) -> None:
    """The reference that leads one to the target changes nothing about it."""
    shops = {f"{name}/pos.db": SALES.format(number) for number, name in enumerate(("north", "south"), 1)}
    refined = proposed_for(tmp_path, shops, dict.fromkeys(("north/total.sh", "south/total.sh"), TOTAL))
    other = "south" if refined.proposal.target == "north/pos.db" else "north"
    new = f"sqlite3 ../{refined.proposal.target}"
    lines = f'\n[[reference]]\nfile = "{other}/total.sh"\nfind = "sqlite3 pos.db"\nreplace = "{new}"\n'

    ids = ids_of(tmp_path, (tmp_path / "plan.toml").read_text("utf-8") + lines)

    assert (asked(refined), refined.proposal.decisions) == (["name-shared", "files-told-apart"], 2)
    assert ("files-told-apart" in ids, "source-unreferenced" in ids) == (True, False)


def test_program_of_files_of_one_name_is_asked(tmp_path: Path) -> None:
    """It can run in the folder of each, and a rehearsal has the finding as well."""
    shops = {f"{name}/pos.db": SALES.format(number) for number, name in enumerate(("north", "south"), 1)}
    refined = proposed_for(tmp_path, shops, {"total.sh": TOTAL})

    ids = ids_of(tmp_path, (tmp_path / "plan.toml").read_text("utf-8"))

    assert (asked(refined), "files-told-apart" in ids) == (["name-shared", "files-told-apart"], True)


@pytest.mark.parametrize("code", [{}, {"all.py": LOOP}, {"berlin.py": CODE["berlin.py"], "all.py": LOOP}])
def test_code_of_all_files_is_no_decision(tmp_path: Path, code: dict[str, str]) -> None:
    """A loop over the files reads the rows of all of them in any case."""
    assert "files-told-apart" not in asked(refined_of(tmp_path, code, main=MAIN))


@pytest.mark.parametrize("main", [MAIN, ""])
def test_lines_of_the_decision_tell_files_apart(tmp_path: Path, main: str) -> None:
    """The table is new in a target without it, and gets a column in one of the stores."""
    refined = refined_of(tmp_path, CODE, main=main)
    [question] = [text for source in refined.proposal.sources for text in source.questions]
    lines = re.findall("`(.+?)`", question)[:-1]
    constants = lines.pop()
    proposed = (tmp_path / "plan.toml").read_text("utf-8")
    told = re.sub(r'(?m)^(file = "stores/.*")$', rf"\1\n{constants}", proposed)
    if main:
        told += "\n[[table]]\n" + "\n".join(lines) + "\n"

    before = ids_of(tmp_path, proposed)
    if not main:
        execute(tmp_path / refined.proposal.target, ";".join(lines))
    after = ids_of(tmp_path, told)

    assert ("files-told-apart" in before, "files-told-apart" in after) == (True, False)


def ids_of(root: Path, plan: str) -> set[str]:
    """Return the ids of the findings of a rehearsal, which accepts the plan."""
    (root / "plan.toml").write_text(plan, "utf-8")
    result = rehearse(load_plan(root / "plan.toml"), root)
    assert result.accepted
    return {finding.id for finding in result.findings}
