"""Which stored responses a purge takes, and how.

A purge is a note with a number, not a walk: every response remembers the number of the last purge
when it was asked for, and is taken by each later purge that it matches. So a purge of any number of
objects holds for all worker processes the moment its note is written, and what is on its way
upstream meanwhile is not stored as if it were new. A sweep deletes at leisure what notes took.

What was removed for good is barred: until the bar is lifted, nothing under its prefix is stored or
asked for either, as others may still have it.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from edge.policy.stored import Stored


class Scope(StrEnum):
    """What a purge names."""

    URL = "url"
    PREFIX = "prefix"
    TAG = "tag"
    EVERYTHING = "everything"


class Purge(msgspec.Struct, frozen=True, array_like=True):
    """The note of a purge."""

    sequence: int
    """Its number, from 1 on."""
    scope: Scope
    value: str
    """A cache key, the beginning of one, a surrogate key, or nothing."""
    soft: bool
    """Whether what it takes is made stale instead of being forgotten."""
    at: float
    """POSIX seconds."""
    bars: bool = False
    """Whether it takes what comes later too; its value is whole segments, without a last slash."""


class _Last:
    """The last purges under one name, which outrank those before them."""

    __slots__ = ("hard", "soft")

    def __init__(self) -> None:
        self.hard: Purge | None = None
        self.soft: Purge | None = None

    def add(self, purge: Purge) -> None:
        known = self.soft if purge.soft else self.hard
        if known is not None and known.sequence > purge.sequence:
            return
        if purge.soft:
            self.soft = purge
        else:
            self.hard = purge

    def after(self, sequence: int) -> Purge | None:
        """The one that takes what was asked for at ``sequence``: a hard one before a soft one."""
        if self.hard is not None and self.hard.sequence > sequence:
            return self.hard
        if self.soft is not None and self.soft.sequence > sequence:
            return self.soft
        return None


class Purges:
    """The purges that still matter, ready to be asked on every hit.

    What that costs does not grow with their number: beginnings of keys are looked up by their
    lengths, of which there are few.
    """

    def __init__(self, purges: Iterable[Purge] = ()) -> None:
        self._urls: dict[str, _Last] = {}
        self._tags: dict[str, _Last] = {}
        self._prefixes: dict[str, _Last] = {}
        """What takes everything has the beginning that all keys have."""
        self._lengths: tuple[int, ...] = ()
        """How many characters the prefixes have."""
        self._bars: dict[str, Purge] = {}
        self._depths: set[int] = set()
        """How many segments the barred prefixes have."""
        self.last = 0
        """The highest number."""
        for purge in purges:
            self.add(purge)

    def __bool__(self) -> bool:
        return self.last > 0

    def add(self, purge: Purge) -> None:
        """Takes one more."""
        self.last = max(self.last, purge.sequence)
        if purge.bars:
            self._bars[purge.value] = purge
            self._depths.add(purge.value.count("/") + 1)
            return
        match purge.scope:
            case Scope.URL:
                named = self._urls
            case Scope.TAG:
                named = self._tags
            case Scope.PREFIX | Scope.EVERYTHING:
                named = self._prefixes
                if len(purge.value) not in self._lengths:
                    self._lengths = tuple(sorted((*self._lengths, len(purge.value))))
        if purge.value not in named:
            named[purge.value] = _Last()
        named[purge.value].add(purge)

    def bar(self, key: str) -> Purge | None:
        """What bars ``key``, whenever it was asked for."""
        if not self._bars:
            return None
        segments = key.split("/")
        for depth in self._depths:
            found = self._bars.get("/".join(segments[:depth])) if depth < len(segments) else None
            if found is not None:
                return found
        return None

    @property
    def barred(self) -> dict[str, Purge]:
        """What bars, by prefix."""
        return self._bars

    def may_name(self, key: str) -> bool:
        """Whether any of them names what is, or was, under ``key``. One of a surrogate key may:
        which of those that has is not known before it is there."""
        sizes = (size for size in self._lengths if size <= len(key))
        return (
            bool(self._tags) or key in self._urls or any(key[:n] in self._prefixes for n in sizes)
        )

    def taking(self, key: str, stored: Stored) -> Purge | None:
        """The purge that takes ``stored``, kept under ``key``: a hard one before a soft one."""
        bar = self.bar(key)
        if bar is not None or stored.sequence >= self.last:
            return bar
        named = [self._urls.get(key)]
        named += [self._tags.get(tag) for tag in stored.tags]
        prefixes, longest = self._prefixes, len(key)
        named += [prefixes.get(key[:size]) for size in self._lengths if size <= longest]
        found = [last.after(stored.sequence) for last in named if last is not None]
        return max(
            (purge for purge in found if purge is not None),
            key=lambda purge: (not purge.soft, purge.sequence),
            default=None,
        )


def after_purges(key: str, stored: Stored, purges: Purges) -> Stored | None:
    """``stored`` as purges leave it: as it is, stale, or None."""
    taking = purges.taking(key, stored)
    if taking is None:
        return stored
    return msgspec.structs.replace(stored, softened=True) if taking.soft else None
