"""State which names in texts stand in comments and sentences."""

from __future__ import annotations

import pytest

from tests.support.scanned_trees import verdicts

SHELL = {
    "mention": (
        "sqlite3 data/old.db .tables",
        "cp old.db /backup",
        'bash -c "archive the old.db now"',
        "sqlite3 main.db \"ATTACH 'old.db' AS o\"",
        'echo "the rows of old.db follow" | sqlite3 x',
        'echo "the rows of old.db follow" >> notes',
        "mytool reads old.db every day",
        "cat <<EOF > settings\nthe file is old.db here\nEOF",
        "cat <<EOF\nit is here\nEOF\nmytool opens old.db now",
        'echo "opening data/old.db"; sqlite3 data/old.db',
        "FILE='old.db'  # it's old",
    ),
    "attention": (
        'echo "The file old.db is gone"',
        "echo cannot open old.db now",
        'echo "The file old.db is gone" >&2; exit 1',
        'die "no rows in old.db any more"',
        'if [ -z "$x" ]; then echo "nothing in old.db yet"; fi',
        "cat <<'EOF'\nold.db is a nice file, see old.db there\nEOF",
        "cat >&2 <<EOF\nusage says that old.db is read\nEOF",
    ),
    "note": (
        "# data/old.db",
        "x=1  # opens old.db",
        "# don't open old.db",
    ),
    "nothing": ("cp bold.db x", "cp old.db.bak x", "curl https://example.org/old.db"),
}
JAVASCRIPT = {
    "mention": (
        'open("old.db")',
        'exec("archive the old.db now")',
        'db.run("the rows of old.db follow")',
        'open("old.db") // old.db is opened',
        "/* gone */ open('old.db')",
        'const q = "SELECT name FROM old.db"',
    ),
    "attention": (
        'const s = "cannot open old.db now"',
        "log('The file old.db is gone')",
        "log(`The file old.db is gone from ${place}`)",
        'throw new Error("old.db is not there any more")',
    ),
    "note": (
        "// data/old.db",
        "/* data/old.db */",
        "/*\n  data/old.db\n*/",
        "/**\n * Opens old.db.\n */",
        "x() // it's in old.db",
        "x = a.replace(/'/g, 1) // it is in old.db",
    ),
    "nothing": ('open("https://example.org/old.db")', 'mail("someone@old.db")'),
}
YAML = {
    "mention": (
        "db: data/old.db",
        "db: old.db  # the old one",
        'db: "old.db"',
        "- ./data/old.db:/srv/x.db",
        "command: mytool opens old.db now",
        "command:\n  - mytool opens old.db now",
        "command:\n- mytool opens old.db now",
        "run: |\n  mytool opens old.db now",
        "steps:\n  - run: archive the old.db now",
        "args: [reads, old.db, every, day]",
        "command: sqlite3 old.db .tables",
        "- mytool opens old.db now",
        "note: data/old.db",
    ),
    "attention": (
        "note: the file old.db is gone",
        'description: "The file old.db is gone"',
        "description: 'The file old.db is gone'",
        "notes:\n  - the file old.db is gone",
        "description: |\n  It was there.\n  Now the file old.db is gone.",
    ),
    "note": ("# data/old.db", "image: x  # reads old.db", "a: 1\n  # old.db is gone"),
    "nothing": ("db: data/bold.db", "url: https://example.org/old.db", "mail: someone@old.db"),
}
ENVIRONMENT = {
    "mention": ("DB=old.db", 'DB="data/old.db" # the old one', "NOTE=the file old.db is gone"),
    "attention": (),
    "note": ("# DB=old.db", "X=1 # old.db"),
    "nothing": ("DB=bold.db", "URL=https://example.org/old.db"),
}
DOCKERFILE = {
    "mention": ("COPY data/old.db /srv/", "RUN sqlite3 old.db .tables"),
    "attention": (),
    "note": ("# old.db is copied",),
    "nothing": ("COPY data/old.db.bak /srv/",),
}
INI = {
    "mention": ("db = old.db", "db = old.db ; the old one", "[x]\n  db: data/old.db", "! = old.db"),
    "attention": (),
    "note": ("; comment old.db", "  ;old.db", "# old.db", "[x]\n; data/old.db"),
    "nothing": ("; bold.db",),
}
PROPERTIES = {
    "mention": ("db=old.db", "; db=old.db"),
    "attention": (),
    "note": ("! old.db is read", "# old.db"),
    "nothing": (),
}
TOML = {"mention": ('db = "old.db"',), "attention": (), "note": ("# old.db", 'x = "#" # old.db'), "nothing": ()}
UNIT = {
    "mention": ("[Service]\nExecStart=/bin/x data/old.db", "Environment=DB=old.db # no comment"),
    "attention": (),
    "note": ("; old.db", "# old.db"),
    "nothing": (),
}
HTML = {
    "mention": (
        '<a href="data/old.db">x</a>',
        "<p data-x='>' data-db='old.db'>x</p>",
        '<p>x</p><script>open("old.db")</script>',
        '<p>{{ rows("old.db") }}</p>',
        '{% set db = "old.db" %}',
        '<?php open("old.db") ?>',
    ),
    "attention": (),
    "note": ("<p>see old.db</p>", "<!-- data/old.db -->", "<p>\n  <code>data/old.db</code>\n</p>"),
    "nothing": ("<p>see bold.db</p>",),
}
NOTEBOOK = {
    "mention": (
        '{"cells": [{"cell_type": "code", "source": ["open(\\"old.db\\")"]}]}',
        '{"cells": [{"cell_type": "code", "source": "old.db"}, {"cell_type": "markdown", "source": "old.db"}]}',
        '{"cells": [{"cell_type": "markdown", "source": ["x"]}], "metadata": {"db": "old.db"}}',
        '{"cells": "See old.db"}',
    ),
    "attention": (),
    "note": (
        '{"cells": [{"cell_type": "markdown", "source": ["See old.db"]}]}',
        '{"cells": [{"cell_type": "markdown", "source": "# Ä\\nSee data/old.db"}]}',
        '{"cells": [{"cell_type": "raw", "source": ["x\\n", "\\u00e4 old.db"]}]}',
    ),
    "nothing": (),
}
SCRIPT = {
    "mention": ("#!/bin/sh\nsqlite3 old.db",),
    "attention": ('#!/bin/sh\necho "The file old.db is gone"',),
    "note": ("#!/bin/sh\n# old.db", "#!/usr/bin/env python3\n# old.db"),
    "nothing": ("#!/bin/sh\nsqlite3 bold.db",),
}


@pytest.mark.parametrize(
    ("file", "corpus"),
    [
        ("a.sh", SHELL),
        ("a.ts", JAVASCRIPT),
        ("compose.yaml", YAML),
        (".env", ENVIRONMENT),
        ("Dockerfile", DOCKERFILE),
        ("a.ini", INI),
        ("a.properties", PROPERTIES),
        ("a.toml", TOML),
        ("a.service", UNIT),
        ("a.html", HTML),
        ("a.ipynb", NOTEBOOK),
        ("a", SCRIPT),
    ],
)
def test_texts_are_judged_as_stated(file: str, corpus: dict[str, tuple[str, ...]]) -> None:
    """Each text has one of four verdicts."""
    assert verdicts(file, corpus) == corpus
