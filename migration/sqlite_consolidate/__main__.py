"""Start the command line by ``python -m sqlite_consolidate``."""

import sys

from sqlite_consolidate.pytest_plugin.commands.entry import main

if __name__ == "__main__":
    sys.exit(main())
