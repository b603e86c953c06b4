"""Compile the page reader where there is a C compiler.

The build of a wheel runs this module by its path, before the package is installed. So it imports the standard library
alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
"""Folder of the sources."""

PROGRAM = FOLDER / "page_reader.bin"
"""The compiled program. It does not exist where there was no compiler."""

_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O3", "-Wall", "-Wextra", "-Werror", "-pthread")
_SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DWITH_SANITIZERS")


def source_hash() -> str:
    """Return the SHA-256 of the names and bytes of all C sources."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.[ch]")):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def platform_name() -> str:
    """Return the system and the processor of a program, such as ``linux-x86_64``."""
    return f"{sys.platform}-{platform.machine()}"


def first_line() -> str:
    """Return the first line that a program of these sources and this platform prints."""
    return f"page_reader 1 {source_hash()} {platform_name()}"


def compile_program(program: Path = PROGRAM, *, with_sanitizers: bool = False) -> str:
    """Compile the page reader.

    Args:
        program: Receives the program, which replaces an older one atomically.
        with_sanitizers: Add AddressSanitizer and UndefinedBehaviorSanitizer, and let it answer many requests.

    Returns:
        The reason why there is no program, or an empty text.
    """
    part = program.with_name(f"{program.name}.{os.getpid()}.part")
    command = [*shlex.split(os.environ.get("CC", "cc")), *_FLAGS, *(_SANITIZERS if with_sanitizers else ())]
    command += [f'-DSOURCE_HASH="{source_hash()}"', f'-DPLATFORM="{platform_name()}"', "-o", str(part)]
    command += [str(path) for path in sorted(FOLDER.glob("*.c"))]
    try:
        compiled = subprocess.run(command, capture_output=True, text=True, check=False)
        if compiled.returncode != 0:
            return f"{command[0]} does not compile it: {compiled.stderr.strip()[:2000]}"
        part.replace(program)
    except OSError as error:
        return f"{command[0]} cannot be run ({error.strerror})"
    finally:
        part.unlink(missing_ok=True)
    return ""
