"""State which computed names of shell and YAML can be those of old databases."""

from __future__ import annotations

import pytest

from tests.support.scanned_trees import verdicts

SHELL = {
    "mention": (
        'sqlite3 "data/$n.db"',
        "sqlite3 data/${n}.db",
        'ext=db\nsqlite3 "data/${n}.$ext"',
        'ext=".db"\nsqlite3 "data/$n$ext"',
        'n=old\next=db\nsqlite3 "${n}.$ext"',
        "for n in old new; do sqlite3 $n.db; done",
        'NAMES="new old"\nfor n in $NAMES; do sqlite3 "$n.db"; done',
        'names=(new old)\nfor n in "${names[@]}"; do sqlite3 "$n.db"; done',
        'for n in new \\\n  old; do sqlite3 "$n.db"; done',
        'while read -r n; do sqlite3 "data/$n.db"; done < names',
        'f() { local n=$1; sqlite3 "data/$n.db"; }',
        "cp data/{old,new}.db /backup",
        "cp data/*.db /backup",
        "cp ol?.db /backup",
        'sqlite3 "${1:-old}.db"',
        'D=data; X=$D/old; sqlite3 "$X".db',
        "find data -name 'ol*.db'",
    ),
    "attention": (
        'sqlite3 "$n.db"',
        "for f in *.db; do sqlite3 $f; done",
        'ext=db\nsqlite3 "$n.$ext"',
        'n=people\nread n\nsqlite3 "$n.db"',
        'find data -name "*.db" -exec sqlite3 {} .tables \\;',
    ),
    "note": (),
    "nothing": (
        "cp cache/*.db /backup",
        "cp *.dbx /backup",
        'for n in people new; do sqlite3 "$n.db"; done',
        'names=(people new)\nfor n in "${names[@]}"; do sqlite3 "$n.db"; done',
        "ext=db\nsqlite3 people.$ext",
        "ext=json\ncp data/$n.$ext x",
        "n=old\ncp $n.db.bak x",
        "# cp data/*.db x",
        "ext=db",
    ),
}
YAML = {
    "mention": (
        "db: data/${N}.db",
        "command: sqlite3 data/$$N.db .tables",
        "command: sqlite3 data/$${N}.db .tables",
        "environment:\n  N: old\ncommand: sqlite3 $$N.db",
        "environment:\n  - N=old\ncommand: sqlite3 $${N}.db",
        "db: data/%s.db",
        "db: ${N:-old}.db",
        'path: "{{ dir }}/data/{{ name }}.db"',
    ),
    "attention": (
        "db: ${N}.db",
        "command: sqlite3 $$N.db",
        "environment:\n  N: people\ncommand: sqlite3 $$N.db",
        'path: "{{ name }}.db"',
    ),
    "note": (),
    "nothing": (
        "db: cache/${N}.db",
        "command: sqlite3 cache/$$N.db",
        "# db: data/${N}.db",
        "db: data/${N}.db.bak",
        "db: data/${N}.json",
    ),
}
ENVIRONMENT = {
    "mention": ("DB=data/${N}.db", "N=old\nDB=${N}.db", "EXT=db\nDB=data/${N}.${EXT}", "DB=data/${N:-old}.db"),
    "attention": ("DB=${N}.db",),
    "note": (),
    "nothing": ("N=people\nDB=${N}.db", "DB=cache/${N}.db", "EXT=db"),
}


@pytest.mark.parametrize(
    ("file", "corpus"), [("a.sh", SHELL), ("compose.yml", YAML), (".env", ENVIRONMENT), ("prod.env", ENVIRONMENT)]
)
def test_texts_are_judged_as_stated(file: str, corpus: dict[str, tuple[str, ...]]) -> None:
    """Each text has one of four verdicts."""
    assert verdicts(file, corpus) == corpus
