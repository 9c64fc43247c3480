"""Who has published what, the newest first: of everybody, and of each creator. Pure.

Assets stand in the order in which they were first published, and stay where they stand when they
get other versions: so a page can begin where another ended, whatever came in between.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

AT_ONCE: Final = 2000
"""Assets that are put in one by one; more are sorted in together."""


class Entry(NamedTuple):
    """An asset in a timeline. Entries sort by time, those of one time by name."""

    first_at: float
    """When it was first published, POSIX seconds."""
    asset_id: str
    creator: str = ""
    """Whose it is; empty when nobody has told."""


NEWEST: Final = Entry(math.inf, "")
"""Newer than all."""


class Timelines:
    """Knows where each asset stands."""

    def __init__(self) -> None:
        self._known: dict[str, Entry] = {}
        self._all: list[Entry] = []
        """The oldest first, as all lists here: most of what comes is new, and goes to their end."""
        self._creators: dict[str, list[Entry]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def entry(self, asset_id: str) -> Entry | None:
        """Where an asset stands; None when there is none."""
        return self._known.get(asset_id)

    def publishing(self, creators: Collection[str]) -> frozenset[str]:
        """Those of ``creators`` that have published anything."""
        return frozenset(self._creators.keys() & frozenset(creators))

    def take(self, changed: Mapping[str, Entry | None]) -> None:
        """Learns where assets stand now; None is for those that are gone."""
        differing = {
            name: entry for name, entry in changed.items() if self._known.get(name) != entry
        }
        if len(differing) > AT_ONCE:
            self._take_many(differing)
            return
        for name, entry in differing.items():
            before = self._known.pop(name, None)
            if before is not None:
                self._drop(before)
            if entry is not None:
                self._known[name] = entry
                insort(self._all, entry)
                if entry.creator:
                    insort(self._creators.setdefault(entry.creator, []), entry)

    def _drop(self, entry: Entry) -> None:
        del self._all[bisect_left(self._all, entry)]
        if entry.creator:
            theirs = self._creators[entry.creator]
            del theirs[bisect_left(theirs, entry)]
            if not theirs:
                del self._creators[entry.creator]

    def _take_many(self, changed: Mapping[str, Entry | None]) -> None:
        for name, entry in changed.items():
            if entry is None:
                self._known.pop(name, None)
            else:
                self._known[name] = entry
        self._all = sorted(self._known.values())
        self._creators = {}
        for entry in self._all:
            if entry.creator:
                self._creators.setdefault(entry.creator, []).append(entry)

    def newest(self, before: Entry = NEWEST) -> Iterator[Entry]:
        """All assets that are older than ``before``, the newest first. What is taken in meanwhile
        is not borne with, here and below."""
        entries = self._all
        end = bisect_left(entries, _bare(before))
        return (entries[at] for at in range(end - 1, -1, -1))

    def of(self, creators: frozenset[str], before: Entry = NEWEST) -> Iterator[Entry]:
        """Those that ``creators`` have published, in the same order."""
        known = self._creators
        return _merged([known[name] for name in creators if name in known], _bare(before))


def _bare(before: Entry) -> Entry:
    """Whose an asset is does not count for where it stands."""
    return Entry(before.first_at, before.asset_id)


def _merged(lists: Sequence[list[Entry]], before: Entry) -> Iterator[Entry]:
    """The entries of sorted ``lists`` that are older than ``before``, the newest first.

    Of each list only what is asked for is touched: who follows a thousand channels wants a page.
    """
    # Most have nothing that is newer.
    ends = [
        len(entries) if entries[-1] < before else bisect_left(entries, before) for entries in lists
    ]
    # Of plain tuples that begin with a float, sorting takes a third of the time.
    heads = [(*lists[at][end - 1][:2], at) for at, end in enumerate(ends) if end]
    heads.sort()
    while heads:
        at = heads.pop()[2]
        ends[at] -= 1
        yield lists[at][ends[at]]
        if ends[at]:
            insort(heads, (*lists[at][ends[at] - 1][:2], at))
