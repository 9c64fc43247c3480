"""Byte ranges: reading the Range field and fitting it to a representation (RFC 9110 §14)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

LONGEST_FIELD: Final = 4096
"""Characters of a Range field that are read; a longer one is ignored, which §14.2 allows."""

MOST_RANGES: Final = 64
"""Ranges in one field; a field with more is ignored, as §14.2 allows for many small ranges."""

MOST_OVERLAPPING: Final = 2
"""Ranges in one field that share bytes; a field with more is ignored, as §14.2 and §17.15 allow."""

SMALLEST_GAP: Final = 100
"""Bytes between two ranges: a smaller gap is sent along, as the head of a part is no shorter."""

_LARGEST_POSITION: Final = 10**18
_RANGE_SPEC: Final = re.compile(r"([0-9]*)-([0-9]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from ``start`` up to, and without, ``stop``."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes they are."""
        return self.stop - self.start

    def content_range(self, size: int) -> str:
        """The Content-Range field of these bytes of a representation of ``size`` (§14.4)."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


@dataclass(frozen=True, slots=True)
class RangeSpec:
    """One range as it was asked for, before the size is known (§14.1.2).

    ``first`` is None for a suffix range, whose ``last`` is then its length; ``last`` is None for a
    range that is open at its end, and otherwise the position of the last byte.
    """

    first: int | None
    last: int | None

    def fit(self, size: int) -> ByteRange | None:
        """Its bytes of a representation of ``size``; None when there are none."""
        if self.first is None:
            return ByteRange(max(0, size - (self.last or 0)), size) if self.last and size else None
        if self.first >= size:
            return None
        return ByteRange(self.first, size if self.last is None else min(self.last + 1, size))


class NoRange(Enum):
    """Why no range is answered."""

    WHOLE = "whole"
    """The whole representation is the answer: the field is absent or ignored."""
    UNSATISFIABLE = "unsatisfiable"
    """None of the ranges has a byte: 416."""


def parse_range(field: str) -> tuple[RangeSpec, ...] | None:
    """The ranges that a Range field asks for; None when it has to be ignored.

    Ignored are other units than bytes, whatever breaks the grammar of §14.1.1 (a last position
    before the first included), and what is past the bounds of this module.
    """
    unit, equals, range_set = field.strip(" \t").partition("=")
    if not equals or unit.lower() != "bytes" or len(field) > LONGEST_FIELD:
        return None
    specs: list[RangeSpec] = []
    for element in _elements(range_set):
        spec = _parse_spec(element)
        if spec is None or len(specs) == MOST_RANGES:
            return None
        specs.append(spec)
    return tuple(specs) or None


def select_range(field: str | None, size: int) -> ByteRange | NoRange:
    """What a Range field asks of a representation of ``size`` bytes, where one range is all
    that can be sent: several are answered with the whole, which §14.2 allows.
    """
    specs = None if field is None else parse_range(field)
    fitting = _fitting(specs, size)
    if isinstance(fitting, NoRange):
        return fitting
    return fitting[0] if specs is not None and len(specs) == 1 else NoRange.WHOLE


def select_ranges(field: str | None, size: int) -> tuple[ByteRange, ...] | NoRange:
    """What a Range field asks of a representation of ``size`` bytes, as it is to be sent.

    Ranges that overlap, touch, or leave a gap shorter than ``SMALLEST_GAP`` are sent as one; apart
    from that they come in the order in which they were asked for (§15.3.7.2).

    Returns:
        At least one range, each with at least one byte, no two of them with a byte in common.
    """
    fitting = _fitting(None if field is None else parse_range(field), size)
    if isinstance(fitting, NoRange):
        return fitting
    return NoRange.WHOLE if _overlap_too_often(fitting) else _coalesced(fitting)


def _fitting(specs: tuple[RangeSpec, ...] | None, size: int) -> tuple[ByteRange, ...] | NoRange:
    """The ranges that have bytes.

    A suffix of a representation without bytes is answered with the whole: it is satisfiable
    (§14.1.2), but no Content-Range could tell it.
    """
    if specs is None:
        return NoRange.WHOLE
    fitting = tuple(found for spec in specs if (found := spec.fit(size)) is not None)
    if not fitting:
        suffix_of_nothing = size == 0 and any(spec.first is None and spec.last for spec in specs)
        return NoRange.WHOLE if suffix_of_nothing else NoRange.UNSATISFIABLE
    return fitting


def _overlap_too_often(ranges: tuple[ByteRange, ...]) -> bool:
    """Whether more than ``MOST_OVERLAPPING`` ranges have bytes in common with another."""
    involved = 0
    stop = 0
    alone = False
    for found in sorted(ranges, key=lambda found: found.start):
        if found.start < stop:
            # The first of a chain is known to overlap only now.
            involved += 2 if alone else 1
            alone = False
        else:
            alone = True
        stop = max(stop, found.stop)
    return involved > MOST_OVERLAPPING


def _coalesced(ranges: tuple[ByteRange, ...]) -> tuple[ByteRange, ...]:
    """The ranges, near ones joined, each in the place of the first that went into it."""
    joined: list[tuple[int, ByteRange]] = []
    for place, found in sorted(enumerate(ranges), key=lambda placed: placed[1].start):
        if joined and found.start - joined[-1][1].stop < SMALLEST_GAP:
            first, before = joined[-1]
            stop = max(before.stop, found.stop)
            joined[-1] = (min(first, place), ByteRange(before.start, stop))
        else:
            joined.append((place, found))
    return tuple(found for _, found in sorted(joined, key=lambda placed: placed[0]))


def _elements(range_set: str) -> Iterator[str]:
    """The members of a list; empty ones are skipped, as §5.6.1.2 demands."""
    for element in range_set.split(","):
        stripped = element.strip(" \t")
        if stripped:
            yield stripped


def _parse_spec(element: str) -> RangeSpec | None:
    match = _RANGE_SPEC.fullmatch(element)
    if match is None or element == "-":
        return None
    first, last = _position(match[1]), _position(match[2])
    if first is not None and last is not None and last < first:
        return None
    return RangeSpec(first, last)


def _position(digits: str) -> int | None:
    """The number, clipped: no representation has more bytes, and reading digits costs time."""
    if not digits:
        return None
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= 18 else _LARGEST_POSITION
