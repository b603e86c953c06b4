"""Tell which databases of one file name a place in code means."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.old_names import distinguishing_name
from sqlite_consolidate.engine.code.scanning.scan import find_mentions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope


def mentions_of_each(scope: ScanScope, mentions: Sequence[Mention]) -> dict[str, tuple[Mention, ...]]:
    """Return the mentions of each database of a scan.

    If several have one file name, a mention that states the path or the folder of one of them is none of the others.

    Args:
        scope: What was scanned.
        mentions: Mentions of its databases, in the files as they are.
    """
    by_name: dict[str, list[Mention]] = defaultdict(list)
    for mention in mentions:
        by_name[mention.database].append(mention)
    alike: dict[str, list[str]] = defaultdict(list)
    for file in scope.databases:
        alike[distinguishing_name(file, scope.target)].append(file)
    return {
        file: tuple(mention for mention in known if mention.path in ("", file))
        for name, files in alike.items()
        for file, known in _of_files(replace(scope, target=name), files, by_name.get(name, []))
    }


def _of_files(
    scope: ScanScope, files: Sequence[str], mentions: Sequence[Mention]
) -> Iterator[tuple[str, Sequence[Mention]]]:
    """Yield the mentions of each file, whose paths all end with the target of the scope."""
    if len(files) == 1 or not mentions:
        yield from ((file, mentions) for file in files)
        return
    alike: dict[str, list[str]] = defaultdict(list)
    for file in files:
        alike[distinguishing_name(file, scope.target) if file != scope.target else file].append(file)
    longer = [file for file in files if file != scope.target]
    code = list(dict.fromkeys(mention.file for mention in mentions))
    stated: dict[tuple[str, int], set[str]] = defaultdict(set)
    for mention in find_mentions(replace(scope, paths=code, databases=longer)).mentions:
        stated[mention.file, mention.line].add(mention.database)
    for name, group in alike.items():
        fitting = [each for each in mentions if name in stated.get((each.file, each.line), (name,))]
        yield from _of_files(replace(scope, target=name), group, fitting)
