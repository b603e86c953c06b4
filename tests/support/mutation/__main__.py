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

# An endless loop and a crash count like a failing test. Where a mutant keeps pytest from collecting tests, because the
# project's own tests pass the gate as well, pytest's exit code is that of an interruption.
_KILLED = ("killed", "timeout", "segfault", "check was interrupted by user")
_HEAD = (
    "| module | mutants | killed | survive, with a reason | survive, without | not run | score |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Survivor:
    """Hold a mutant that was not killed.

    Attributes:
        name: Name for ``mutmut show``.
        status: Status in mutmut, which is survived, not run, or without tests.
        change: What it changes.
    """

    name: str
    status: str
    change: Change


@dataclass(frozen=True)
class Score:
    """Hold the result for the mutants of one module, a path below the link."""

    module: Path
    mutants: int
    survivors: tuple[Survivor, ...]

    def row(self, reasons: dict[Change, str]) -> str:
        """Return one line of the table."""
        killed = self.mutants - len(self.survivors)
        known = sum(survivor.change in reasons for survivor in self.survivors)
        left = sum(survivor.status == "not checked" and survivor.change not in reasons for survivor in self.survivors)
        others = len(self.survivors) - known - left
        module = _SOURCES / self.module.relative_to(_LINK)
        cells = module, self.mutants, killed, known, others, left, f"{killed / self.mutants:.1%}"
        return f"| {' | '.join(map(str, cells))} |"


def scores() -> list[Score]:
    """Read the results of mutmut's last run by module, without modules that have no mutants."""
    results = []
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        status = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
        survivors = tuple(
            Survivor(name, state, _change(name, path)) for name, state in status.items() if state not in _KILLED
        )
        results.append(Score(path, len(status), survivors))
    return [score for score in results if score.mutants]


def _change(name: str, path: Path) -> Change:
    function, of_class = orig_function_and_class_names_from_key(name)
    module = ".".join(path.relative_to(_LINK).with_suffix("").parts)
    diff = get_diff_for_mutant(name, path=path).splitlines()[2:]  # after the two lines that name the file
    line, becomes = (
        " ".join(line_of_diff[1:].strip() for line_of_diff in diff if line_of_diff.startswith(sign)) for sign in "-+"
    )
    return Change(".".join(filter(None, (module, of_class, function))), line, becomes)


def main() -> int:
    """Print the table and the problems, and return the exit code."""
    reasons, results = explained(), scores()
    survivors = [survivor for score in results for survivor in score.survivors]
    wrong = [
        f"{survivor.status}: {survivor.name} [no reason]" for survivor in survivors if survivor.change not in reasons
    ]
    killed = reasons.keys() - {survivor.change for survivor in survivors}
    wrong += [f"{LIST.name} names a mutant that was killed: {change}" for change in reasons if change in killed]
    sys.stdout.write("\n".join([_HEAD, *(score.row(reasons) for score in results), *wrong, ""]))
    return 1 if wrong or not results else 0


if __name__ == "__main__":
    sys.exit(main())
