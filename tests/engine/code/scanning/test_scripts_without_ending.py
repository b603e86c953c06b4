"""State what the scan says about scripts that only their first line tells."""

from __future__ import annotations

import pytest

from tests.support.scanned_trees import verdicts

CORPUS = {
    "mention": (
        '#!/usr/bin/env python3\nconnect(f"data/{sys.argv[1]}.db")',
        '#!/usr/bin/python3.11 -u\nconnect("data/" + n + ".db")',
        '#!/usr/bin/env -S uv run --script\nconnect("data/" + n + ".db")',
        '#!/usr/bin/env python3\nconnect("old" ".db")',
        "#!/usr/bin/env python2\nprint 'data/old.db'",
        "#!/usr/bin/env node\nopen(`data/${n}.db`)",
        '#!/usr/bin/env -S deno run\nopen("data/" + n + ".db")',
        "#!/bin/sh\nsqlite3 data/$1.db",
        '#!/usr/bin/env perl\nopen("data/$n.db")',
    ),
    "attention": (
        '#!/usr/bin/env python3\nconnect(n + ".db")',
        '#!/usr/bin/env node\nopen(n + ".db")',
    ),
    "note": (
        '#!/usr/bin/env python3\n"""Uses data/old.db."""',
        "#!/usr/bin/env node\n// data/old.db",
    ),
    "nothing": ('#!/usr/bin/env python3\nconnect("cache/" + n + ".db")',),
}


@pytest.mark.parametrize("file", ["tool", "bin/tool"])
def test_scripts_are_judged_by_their_first_line(file: str) -> None:
    """Each script has one of four verdicts."""
    assert verdicts(file, CORPUS) == CORPUS
