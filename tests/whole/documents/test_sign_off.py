"""Run the commands of the page on approvals and signatures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sqlite_consolidate.report.file_names import APPROVAL
from sqlite_consolidate.report.signing.ssh_signatures import make_key
from tests.support.documents.reader_shell import BLOCK, run_as_reader
from tests.support.workspaces.one_source import build_one_source

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "sign-off.md"

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen"),
]


def test_commands_of_the_page_approve_a_migration(tmp_path: Path) -> None:
    """Before Ann has signed, the migration is refused."""
    folder = tmp_path / "folder"
    (folder / "keys").mkdir(parents=True)
    for name in ("ann", "bob"):
        make_key(folder / "keys" / name)
    build_one_source(folder).root.rename(folder / "shop")
    signers, rehearse, approve, migrate, check = (block for _, block in BLOCK.findall(PAGE.read_text("utf-8")))

    codes = [run_as_reader(folder, block)[0] for block in (signers, rehearse, migrate, approve, migrate, check)]

    assert codes == [0, 0, 4, 0, 0, 0]
    (migrated,) = (folder / "reports").glob("*-migrate.zip")
    evidence = json.loads((migrated.with_suffix("") / "evidence.json").read_text())
    (entry,) = (entry for entry in evidence["criteria"] if entry["id"] == "approved")
    assert (entry["outcome"], entry["observed"]) == ("passed", "signed by ann@shop")
    assert (migrated.with_suffix("") / APPROVAL).is_file()
