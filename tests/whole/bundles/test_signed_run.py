"""Sign the bundle of a run, and demand the signature when it is checked."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.signing.ssh_signatures import make_key
from tests.support.workspaces.one_source import build_one_source
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen"),
]


def test_bundle_of_a_signed_run_is_accepted(tmp_path: Path) -> None:
    """A bundle without the demanded signature is not."""
    for name in ("ann", "bob"):
        make_key(tmp_path / name)
    signers = tmp_path / "signers"
    signers.write_text(f"ann@shop {(tmp_path / 'ann.pub').read_text()}")
    workspace = build_one_source(tmp_path)
    verbs = {"ann": "verify", "bob": "migrate"}
    nowhere = Workspace(tmp_path / "nowhere", tmp_path / "checks")

    made = {name: workspace.forked(verb, f"--sign={tmp_path / name}") for name, verb in verbs.items()}
    checked = {
        name: nowhere.run("verify", bundle=ran.folder.with_suffix(".zip"), allowed_signers=signers)
        for name, ran in made.items()
        if ran.folder is not None
    }

    assert [ran.exit for ran in made.values()] == [0, 0]
    assert checked["ann"].exit == 0, checked["ann"].text
    assert checked["bob"].exit == 1, checked["bob"].text
    assert checked["bob"].failed == {"bundle-signed"}


def test_unusable_key_is_refused_before_the_run(tmp_path: Path) -> None:
    """Nothing is backed up."""
    workspace = build_one_source(tmp_path)

    ran = workspace.forked("migrate", f"--sign={tmp_path / 'missing'}")

    assert ran.exit == 4, ran.text
    assert "[cannot-sign]" in ran.text
    assert not (workspace.root / "backups").exists()
