"""Fuzzes Range and what is answered to it: python -m tests.fuzz.ranges [--runs N]."""

import itertools

import atheris  # type: ignore[import-untyped]  # it publishes no types

from tests.fuzz.program import fuzz

with atheris.instrument_imports(include=["common.http"]):
    from common.http import (
        Answer,
        EntityTag,
        NoRange,
        Representation,
        answer,
        select_range,
        select_ranges,
    )
    from common.http.ranges import SMALLEST_GAP

NOW = 1_800_000_000.0
EXAMPLES = (
    b"1000\nbytes=0-99,500-599, -1",
    b"1000\nbytes=0-",
    b"99999999999999999999\nbytes=-5, 18446744073709551616-",
    b"0\nbytes=-1,0-0",
    b'1000\nbytes=0-1,800-900\n"a"',
)


def check(data: bytes) -> None:
    """Reads the size of a representation, a Range and an If-Range from the lines of ``data``."""
    text = data.decode("utf-8", "surrogateescape")
    digits, field, if_range, *_ = (*text.split("\n", 2), "", "")
    size = int(digits[:20]) if digits.isascii() and digits.isdigit() else len(digits)
    several = select_ranges(field, size)
    one = select_range(field, size)
    if isinstance(several, NoRange):
        assert one is several
        return
    assert all(0 <= part.start < part.stop <= size for part in several)
    ascending = sorted(several, key=lambda part: part.start)
    for before, after in itertools.pairwise(ascending):
        assert after.start - before.stop >= SMALLEST_GAP
    assert one is NoRange.WHOLE or several == (one,)
    there = Representation(size, "video/mp4", EntityTag("a"), NOW - 100)
    lines = [("Range", field), *([("If-Range", if_range)] if if_range else [])]
    agree(answer("GET", lines, there, now=NOW, several=True))
    agree(answer("GET", lines, there, now=NOW))


def agree(found: Answer) -> None:
    """Holds an answer's fields to its content."""
    fields = dict(found.fields)
    parts = found.multipart
    if parts is not None:
        pieces = list(parts.pieces())
        sent = sum(len(each) if isinstance(each, bytes) else each.length for each in pieces)
        assert fields["Content-Length"] == str(sent)
        assert pieces[1::2] == list(parts.ranges)
        assert "Content-Range" not in fields
    elif found.body is not None:
        assert fields["Content-Length"] == str(found.body.length)
        assert ("Content-Range" in fields) == (found.status == 206)


if __name__ == "__main__":
    fuzz(check, EXAMPLES)
