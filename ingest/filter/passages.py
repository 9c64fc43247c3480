"""Passages of a video: what frames, marks of detectors and each other make of them."""

import itertools
from collections.abc import Iterable, Sequence

import msgspec


class Passage(msgspec.Struct, frozen=True, order=True):
    """A stretch of time, in seconds from the first frame."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start


def merged(passages: Iterable[Passage], *, gap: float = 0.0) -> tuple[Passage, ...]:
    """``passages`` in order; those at most ``gap`` seconds apart are one."""
    found: list[Passage] = []
    for passage in sorted(passages):
        if found and passage.start <= found[-1].end + gap:
            found[-1] = Passage(found[-1].start, max(found[-1].end, passage.end))
        else:
            found.append(passage)
    return tuple(found)


def within(passages: Iterable[Passage], seconds: float) -> tuple[Passage, ...]:
    """What of ``passages`` lies in a video that lasts ``seconds``."""
    cut = (Passage(max(0.0, one.start), min(seconds, one.end)) for one in passages)
    return tuple(one for one in cut if one.end > one.start)


def common_to(left: Sequence[Passage], right: Sequence[Passage]) -> tuple[Passage, ...]:
    """Where passages of ``left`` and of ``right`` overlap; both are merged."""
    found: list[Passage] = []
    one = other = 0
    while one < len(left) and other < len(right):
        start = max(left[one].start, right[other].start)
        end = min(left[one].end, right[other].end)
        if end > start:
            found.append(Passage(start, end))
        if left[one].end < right[other].end:
            one += 1
        else:
            other += 1
    return tuple(found)


def total(passages: Iterable[Passage]) -> float:
    """Seconds that ``passages``, which are merged, last together."""
    return sum(one.seconds for one in passages)


def between_marks(
    marks: Iterable[tuple[bool, float]], *, end: float, least: float
) -> tuple[Passage, ...]:
    """The passages of at least ``least`` seconds that ``marks`` begin (true) and end (false).

    What is begun and not ended lasts until ``end``.
    """
    found: list[Passage] = []
    begun: float | None = None
    for begins, time in itertools.chain(marks, [(False, end)]):
        if begins:
            begun = time if begun is None else begun
        elif begun is not None:
            if time - begun >= least and time > begun:
                found.append(Passage(begun, time))
            begun = None
    return tuple(found)


def runs(flags: Sequence[bool], *, least: int = 1) -> tuple[range, ...]:
    """Where ``flags`` are set at least ``least`` times in a row, as ranges of indices."""
    found: list[range] = []
    for flag, group in itertools.groupby(range(len(flags)), key=lambda index: bool(flags[index])):
        indices = list(group)
        if flag and len(indices) >= least:
            found.append(range(indices[0], indices[-1] + 1))
    return tuple(found)
