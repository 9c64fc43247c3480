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


class Purges:
    """The purges that still matter, ready to be asked on every hit."""

    def __init__(self, purges: Iterable[Purge] = ()) -> None:
        self._exact: dict[tuple[Scope, str], list[Purge]] = {}
        self._wide: list[Purge] = []
        self._bars: dict[str, Purge] = {}
        self._depths: set[int] = set()
        """How many segments the barred prefixes have."""
        self.last = 0
        """The highest number."""
        for purge in purges:
            self.last = max(self.last, purge.sequence)
            if purge.bars:
                self._bars[purge.value] = purge
                self._depths.add(purge.value.count("/") + 1)
            elif purge.scope in {Scope.URL, Scope.TAG}:
                self._exact.setdefault((purge.scope, purge.value), []).append(purge)
            else:
                self._wide.append(purge)

    def __bool__(self) -> bool:
        return self.last > 0

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

    def taking(self, key: str, stored: Stored) -> Purge | None:
        """The purge that takes ``stored``, kept under ``key``: a hard one before a soft one."""
        bar = self.bar(key)
        if bar is not None or stored.sequence >= self.last:
            return bar
        found = [
            *(purge for purge in self._wide if key.startswith(purge.value)),
            *self._exact.get((Scope.URL, key), ()),
            *(purge for tag in stored.tags for purge in self._exact.get((Scope.TAG, tag), ())),
        ]
        return max(
            (purge for purge in found if purge.sequence > stored.sequence),
            key=lambda purge: (not purge.soft, purge.sequence),
            default=None,
        )


def after_purges(key: str, stored: Stored, purges: Purges) -> Stored | None:
    """``stored`` as purges leave it: as it is, stale, or None."""
    taking = purges.taking(key, stored)
    if taking is None:
        return stored
    return msgspec.structs.replace(stored, softened=True) if taking.soft else None
