"""Mixes a timeline with what is popular, page after page, so that nothing comes twice. Pure.

A page begins at a position, which says all that there is to know of the pages before it: down to
where the timeline was read, and which popular ones were shown among it. So nobody has to remember
who has read what, and another control plane may answer for the next page.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

import msgspec
import xxhash

from control_plane.feed.timelines import NEWEST, Entry

POPULAR_EVERY: Final = 4
"""Places; the last of so many is for something popular."""
MOST_POPULAR: Final = 100
"""Popular ones that are shown one who reads on and on."""


class Position(msgspec.Struct, frozen=True):
    """Where a page begins."""

    before: Entry = NEWEST
    """The timeline goes on with what is older."""
    place: int = 0
    """How many stood before it, modulo ``POPULAR_EVERY``."""
    shown: tuple[int, ...] = ()
    """The marks of the popular ones that were shown."""


def mark(asset_id: str) -> int:
    """A short sign of an asset, of 32 bits: of two assets it is hardly ever the same."""
    return xxhash.xxh32_intdigest(asset_id.encode())


def mixed(
    timeline: Iterable[Entry],
    popular: Sequence[Entry],
    follows: Collection[str] | None,
    start: Position,
) -> Iterator[tuple[Entry, Position]]:
    """What is shown from ``start`` on, each with the position after it.

    Args:
        timeline: what is older than ``start.before``, the newest first.
        popular: what is popular, the most popular first.
        follows: whose assets the timeline has; None for everybody's.
        start: where to begin.
    """
    # What cannot be shown now cannot be shown later on the page: each is looked at once.
    line, ranked, before = iter(timeline), iter(popular), start.before
    place, shown = start.place, dict.fromkeys(start.shown)

    def next_popular() -> Entry | None:
        if len(shown) >= MOST_POPULAR:
            return None
        return next((each for each in ranked if is_new(each)), None)

    def is_new(entry: Entry) -> bool:
        # What is in the timeline and above where it was read has been there, or came too late.
        passed = entry[:2] >= before[:2] and (follows is None or entry.creator in follows)
        return not passed and mark(entry.asset_id) not in shown

    while True:
        entry = next_popular() if place == POPULAR_EVERY - 1 else None
        from_line = None
        if entry is None:
            from_line = next((each for each in line if mark(each.asset_id) not in shown), None)
            entry = from_line or next_popular()
        if entry is None:
            return
        if from_line is not None:
            before = from_line
        else:
            shown[mark(entry.asset_id)] = None
        place = (place + 1) % POPULAR_EVERY
        yield entry, Position(before, place, tuple(shown))
