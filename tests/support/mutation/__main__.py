"""The mutation score of each module, from mutmut's last run.

``ln -sfn migration src && PYTHONPATH=src:. mutmut run && python -m tests.support.mutation``: mutmut takes the name of
a module from its path below ``src``, and from no other folder, so a link of that name, which git ignores, stands for
``migration``. The relative path leads the processes that a test starts to the mutants.

Exit 1 when a mutant survived that the list has no reason for, or the list names one that did not survive.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

from tests.support.mutation.survivors import LIST, Change, explained

_LINK, _SOURCES = Path("src"), Path("migration")

# An endless loop and a crash are noticed like a failing test; and where a mutant keeps pytest from collecting any test
# (our own tests stand behind the gate as well), pytest's exit code is that of an interruption.
_KILLED = ("killed", "timeout", "segfault", "check was interrupted by user")
_HEAD = (
    "| module | mutants | killed | survive, with a reason | survive, without | not run | score |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Survivor:
    """A mutant that was not killed.

    Attributes:
        name: What ``mutmut show`` takes.
        status: mutmut's word: survived, or that it was not run, or that no test reaches it.
        change: What it does.
    """

    name: str
    status: str
    change: Change


@dataclass(frozen=True)
class Score:
    """What became of the mutants of one module, a path below the link."""

    module: Path
    mutants: int
    survivors: tuple[Survivor, ...]

    def row(self, reasons: dict[Change, str]) -> str:
        """One line of the table."""
        killed = self.mutants - len(self.survivors)
        known = sum(one.change in reasons for one in self.survivors)
        left = sum(one.status == "not checked" and one.change not in reasons for one in self.survivors)
        others = len(self.survivors) - known - left
        module = _SOURCES / self.module.relative_to(_LINK)
        cells = module, self.mutants, killed, known, others, left, f"{killed / self.mutants:.1%}"
        return f"| {' | '.join(map(str, cells))} |"


def scores() -> list[Score]:
    """Read what mutmut's last run left, module by module; those without mutants are passed over."""
    found = []
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        status = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
        survivors = tuple(
            Survivor(name, said, _change(name, path)) for name, said in status.items() if said not in _KILLED
        )
        found.append(Score(path, len(status), survivors))
    return [one for one in found if one.mutants]


def _change(name: str, path: Path) -> Change:
    function, of_class = orig_function_and_class_names_from_key(name)
    module = ".".join(path.relative_to(_LINK).with_suffix("").parts)
    diff = get_diff_for_mutant(name, path=path).splitlines()[2:]  # after the two lines that name the file
    line, becomes = (" ".join(one[1:].strip() for one in diff if one.startswith(sign)) for sign in "-+")
    return Change(".".join(filter(None, (module, of_class, function))), line, becomes)


def main() -> int:
    """Print the table, and after it what is wrong; return the exit code."""
    reasons, found = explained(), scores()
    survivors = [one for score in found for one in score.survivors]
    wrong = [f"{one.status}: {one.name} [no reason]" for one in survivors if one.change not in reasons]
    gone = reasons.keys() - {one.change for one in survivors}
    wrong += [f"{LIST.name} names what did not survive: {one}" for one in reasons if one in gone]
    sys.stdout.write("\n".join([_HEAD, *(score.row(reasons) for score in found), *wrong, ""]))
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
