"""Block lists: files with one hash of 256 bits a line, read in blocks, however long they are.

A line is 64 hexadecimal digits, and after white space a label if there is one. Lines that are
empty or begin with ``#`` say nothing. SHA-256 and PDQ have the same size, so both kinds of list are
alike.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.filter.answers import short
from ingest.filter.errors import FilterFailed

DIGITS: Final = 64
BLOCK: Final = 4 << 20
"""Bytes of the file that are looked at together."""

MAX_LINE: Final = 4096
"""Bytes."""

NEWLINE: Final = ord("\n")
COMMENT: Final = ord("#")

_VALUES: Final = np.full(256, 255, np.uint8)
_VALUES[list(b"0123456789abcdef")] = range(16)
_VALUES[list(b"ABCDEF")] = range(10, 16)


class Block(msgspec.Struct, frozen=True):
    """Some lines of a list."""

    words: NDArray[np.uint64]
    """4 × lines: the hashes, in words of 64 bits."""
    places: NDArray[np.int64]
    """Where in the file each line begins, in bytes."""


def words_of(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hashes, lines × 32 bytes, as 4 × lines words."""
    return np.ascontiguousarray(np.ascontiguousarray(hashes).view(np.uint64).T)


class BlockList:
    """One list."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def require(self) -> None:
        """See that it can be read.

        Raises:
            FilterFailed: it cannot.
        """
        with self._opened():
            pass

    def blocks(self) -> Iterator[Block]:
        """All of it.

        Raises:
            FilterFailed: it cannot be read, or a line of it is malformed.
        """
        with self._opened() as file:
            rest, place, lines = b"", 0, 0
            while more := file.read(BLOCK):
                whole, newline, rest_of = (rest + more).rpartition(b"\n")
                if whole or newline:
                    yield self._block(whole + b"\n", place, lines)
                    place += len(whole) + 1
                    lines += whole.count(b"\n") + 1
                rest = rest_of
                if len(rest) > MAX_LINE:
                    raise self._malformed(lines)
            if rest:
                yield self._block(rest + b"\n", place, lines)

    def label(self, place: int) -> str:
        """What the line at ``place`` says after its hash; without a label, how the hash begins."""
        with self._opened() as file:
            file.seek(place)
            line = file.readline(MAX_LINE).decode(errors="replace")
        return short(line[DIGITS:]) or f"{line[:12]}…"

    def _opened(self) -> IO[bytes]:
        try:
            return self._path.open("rb")
        except OSError as error:
            reason = f"the block list {self._path} cannot be read ({error.strerror})"
            raise FilterFailed(reason=reason) from error

    def _block(self, text: bytes, place: int, lines: int) -> Block:
        # Behind the last line there are digits to look at too, even if it is short.
        letters = np.frombuffer(text + b"\n" * DIGITS, np.uint8)
        ends = np.flatnonzero(letters[: len(text)] == NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1))
        told = (ends > starts) & (letters[starts] != COMMENT)
        starts, ends = starts[told], ends[told]
        windows = np.lib.stride_tricks.sliding_window_view(letters, DIGITS)
        digits = _VALUES[windows[starts]]
        after = letters[starts + DIGITS]
        good = (digits < 16).all(axis=1) & (ends - starts >= DIGITS) & (ends - starts < MAX_LINE)
        good &= np.isin(after, list(b" \t\r\n"))
        for index in np.flatnonzero(~good):
            if text[starts[index] : ends[index]].strip():
                raise self._malformed(lines + text.count(b"\n", 0, int(starts[index])))
        hashes = (digits[good, ::2] << 4) | digits[good, 1::2]
        return Block(words_of(hashes), place + starts[good])

    def _malformed(self, lines_before: int) -> FilterFailed:
        return FilterFailed(
            reason=f"line {lines_before + 1} of the block list {self._path} is not "
            f"{DIGITS} hexadecimal digits and perhaps a label"
        )
