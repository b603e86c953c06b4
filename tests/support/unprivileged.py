"""Run a part of a test as a user without privileges, so that file modes apply."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil  # noqa: F401 -- imported before the fork, because the user of the child may not read it

from tests.support.processes import run_in_child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_NOBODY = 65534
_OF_ALL_USERS = "/var/tmp"


@contextmanager
def common_folder() -> Iterator[Path]:
    """Lend a folder that every user can write to, which the folders of the tests are not."""
    folder = Path(tempfile.mkdtemp(prefix="consolidate-common-", dir=_OF_ALL_USERS)).resolve()
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run_unprivileged(act: Callable[[], T], folder: Path) -> T:
    """Return the result of ``act``, called by an unprivileged user who owns ``folder``.

    Root calls it in a child process that gives up its privileges. Every other user calls it directly.
    """
    if os.geteuid() != 0:
        return act()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    answer = folder / "answer"

    def _act() -> None:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        tempfile.tempdir = str(folder)
        try:
            answer.write_bytes(pickle.dumps(act()))
        except BaseException:
            traceback.print_exc()
            raise

    assert run_in_child(_act) == 0, "the child failed"
    result: T = pickle.loads(answer.read_bytes())  # noqa: S301 -- the child is this test
    answer.unlink()
    return result
