"""Make keys and files of allowed signers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.report.signing.ssh_signatures import make_key

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys ``ann`` and ``bob``, and a file of signers for each and for both."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ann", "bob"):
        make_key(folder / name)
        line = f"{name}@shop {(folder / name).with_suffix('.pub').read_text()}"
        (folder / f"{name}.signers").write_text(line)
        with (folder / "both.signers").open("a") as file:
            file.write(line)
    return folder
