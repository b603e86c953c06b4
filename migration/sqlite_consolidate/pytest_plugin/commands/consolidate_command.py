"""Add ``sqlite-utils consolidate VERB`` to the commands of sqlite-utils.

sqlite-utils finds this module by the entry point group ``sqlite_utils``, and imports it whenever it is imported itself
(https://sqlite-utils.datasette.io/en/stable/plugins.html). Therefore nothing else of this package is imported before
the command is called.
"""

from __future__ import annotations

import sys

import click
from sqlite_utils import hookimpl

_ANY_OPTION = {"ignore_unknown_options": True}


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Register the command ``consolidate``.

    It is the command ``sqlite-consolidate`` under another name.
    """

    @cli.command(context_settings=_ANY_OPTION, add_help_option=False)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def consolidate(arguments: tuple[str, ...]) -> None:
        """Move several databases into one by inventory, verify, migrate, rollback and check."""
        from sqlite_consolidate.pytest_plugin.commands.early_interrupt import end_at_interrupt

        end_at_interrupt()
        from sqlite_consolidate.engine.run.request import SQLITE_UTILS
        from sqlite_consolidate.pytest_plugin.commands.console import main

        sys.exit(main(arguments, program=SQLITE_UTILS))
