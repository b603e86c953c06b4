"""Specify that each compiler computes the same sums of pages."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.page_reader.compilation import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

_PAGE_SIZES = [512 << power for power in range(8)]
_PROGRAM = r"""
#include "keyed_sums.c"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void grow_bytes(Bytes *bytes, size_t more) {
    (void)bytes, (void)more;
    abort();
}

int main(void) {
    static uint8_t page[65536];
    static uint64_t words[65536 / 8];
    uint32_t length;
#if defined(__SIZEOF_INT128__)
    puts("128 bits");
#else
    puts("64 bits");
#endif
    for (uint32_t number = 1; fread(&length, sizeof length, 1, stdin) == 1; number++) {
        SumKey key = {{UINT64_MAX - number, number * 0x9E3779B97F4A7C15u}};
        Sum sum = {0};
        if (fread(page, length, 1, stdin) != 1) {
            return 1;
        }
        expand_key(&key, words, length / 8);
        add_page_hash(&sum, &key, words, number, page, length);
        printf("%016" PRIx64 "%016" PRIx64 "\n", sum.part[0], sum.part[1]);
    }
    return 0;
}
"""


def sums(folder: Path, pages: list[bytes], *flags: str) -> list[str]:
    """Return the kind of multiplication and the sum of each page.

    A program prints them that is compiled with the flags.
    """
    source, program = folder / "sums.c", folder / "sums"
    source.write_text(_PROGRAM)
    command = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", *flags, f"-I{FOLDER}", "-o", str(program), str(source)]
    subprocess.run(command, check=True)
    request = b"".join(struct.pack("=I", len(page)) + page for page in pages)
    return subprocess.run([program], input=request, capture_output=True, check=True).stdout.decode().split("\n")[:-1]


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_page_sums_are_same_without_wide_integers(tmp_path: Path) -> None:
    """Another processor then proves the same pages.

    Carries occur in pages of ones.
    """
    drawn = random.Random(26)  # noqa: S311 -- the pages of each run are the same
    pages = [make(size) for size in _PAGE_SIZES for make in (drawn.randbytes, bytes, lambda size: b"\xff" * size)]
    pages += [drawn.randbytes(drawn.choice(_PAGE_SIZES)) for _ in range(200)]

    kind, *wide = sums(tmp_path, pages)
    portable_kind, *portable = sums(tmp_path, pages, "-U__SIZEOF_INT128__")

    assert (kind, portable_kind) == ("128 bits", "64 bits")
    assert portable == wide
    assert len(set(wide)) == len(pages)
