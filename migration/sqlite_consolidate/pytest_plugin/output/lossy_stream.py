"""Let a run come to its end although its output cannot be written any more."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO


class LossyStream:
    """Write to a stream, and discard the text from the first write that fails.

    The reader of a pipe may end, and the disk of a log file may be full. The report and the exit code still state the
    result of the run.

    Args:
        stream: Every attribute that is not defined here is that of this stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_lost = False

    def write(self, text: str) -> int:
        """Write a text, or discard it."""
        with self._discarding():
            if not self._is_lost:
                self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts, or discard them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what the stream has buffered, or discard it."""
        with self._discarding():
            if not self._is_lost:
                self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the stream."""
        return getattr(self._stream, name)

    @contextmanager
    def _discarding(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._is_lost = True
            _empty_buffer(self._stream)


@contextmanager
def lossy_output() -> Iterator[None]:
    """Let no write to standard output or standard error raise an error in this block.

    A stream that the shell has closed discards everything.
    """
    before = sys.stdout, sys.stderr
    with ExitStack() as files:
        streams = [LossyStream(stream or files.enter_context(_null_device())) for stream in before]
        sys.stdout, sys.stderr = (cast("TextIO", stream) for stream in streams)
        try:
            yield
        finally:
            for stream in streams:
                stream.flush()
            sys.stdout, sys.stderr = before


def _null_device() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 -- os.devnull is no path of ours


def _empty_buffer(stream: TextIO) -> None:
    """Let the buffer of a stream go to the null device, else Python reports it when it exits."""
    with suppress(OSError), open(os.devnull, "wb") as null:  # noqa: PTH123 -- os.devnull is no path of ours
        os.dup2(null.fileno(), stream.fileno())
        stream.flush()
