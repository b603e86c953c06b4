"""Start the command line.

The console script imports this module first. It imports nothing that takes time before Ctrl-C is handled, because a
signal during an import would end Python with a traceback.
"""

from __future__ import annotations

from sqlite_consolidate.pytest_plugin.commands.early_interrupt import end_at_interrupt


def main() -> int:
    """Run the command line of this process, and return its exit code."""
    end_at_interrupt()
    from sqlite_consolidate.pytest_plugin.commands.console import main as run_command_line

    return run_command_line()
