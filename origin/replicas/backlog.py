"""What is still to be copied: the newest first, what readers wait for before that, bounded.

Names of versions sort by the time they were made. What does not fit is forgotten, oldest first, and
found again by the next look at the source.
"""

import bisect
from dataclasses import dataclass
from typing import Final

from origin.replicas.layout import VersionName

MOST: Final = 10_000
FIRST_PAUSE: Final = 1.0
"""Seconds before a package is tried again that could not be copied."""
LONGEST_PAUSE: Final = 300.0
"""Seconds that the pause, doubled at each failure, grows to."""


@dataclass(slots=True)
class _Entry:
    since: float
    asked: bool
    failures: int = 0


class Backlog:
    """The packages to be copied. Times are in seconds of any steady clock."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._entries: dict[VersionName, _Entry] = {}
        self._ready: list[tuple[bool, str, str]] = []
        """Whether a reader waits, version, asset: the last is the next."""
        self._later: list[tuple[float, VersionName]] = []
        self.overflowed = False
        """Whether something was forgotten since this was last set to False."""

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, name: VersionName, now: float, *, asked: bool = False) -> bool:
        """Notes that ``name`` is to be copied; whether that is news.

        Args:
            name: what.
            now: the time.
            asked: whether a reader waits for it.
        """
        entry = self._entries.get(name)
        if entry is not None:
            if asked and not entry.asked and self._withdraw(name, entry):
                entry.asked = True
                self._make_ready(name, entry)
            return False
        self._entries[name] = entry = _Entry(now, asked)
        self._make_ready(name, entry)
        while len(self._ready) > self._most:
            _, version, asset = self._ready.pop(0)
            del self._entries[VersionName(asset, version)]
            self.overflowed = True
        return name in self._entries

    def take(self, now: float) -> VersionName | None:
        """The next that is due, which is the caller's until ``done`` or ``failed``."""
        while self._later and self._later[0][0] <= now:
            _, name = self._later.pop(0)
            self._make_ready(name, self._entries[name])
        if not self._ready:
            return None
        _, version, asset = self._ready.pop()
        return VersionName(asset, version)

    def done(self, name: VersionName) -> None:
        """Forgets ``name``, which is copied, or need not be."""
        del self._entries[name]

    def failed(self, name: VersionName, now: float) -> None:
        """Has ``name`` wait for a while that is longer each time."""
        entry = self._entries[name]
        entry.asked = False
        due = now + min(FIRST_PAUSE * 2**entry.failures, LONGEST_PAUSE)
        entry.failures = min(entry.failures + 1, 16)
        bisect.insort(self._later, (due, name))
        if len(self._later) > self._most:
            _, dropped = self._later.pop()
            del self._entries[dropped]
            self.overflowed = True

    def wait(self, now: float) -> float | None:
        """Seconds until something is due; None when nothing waits for a time."""
        if self._ready:
            return 0.0
        return max(0.0, self._later[0][0] - now) if self._later else None

    def oldest(self, now: float) -> float:
        """Seconds since the first of what is here became known; 0 when nothing is."""
        return max((now - entry.since for entry in self._entries.values()), default=0.0)

    def _make_ready(self, name: VersionName, entry: _Entry) -> None:
        bisect.insort(self._ready, (entry.asked, name.version, name.asset))

    def _withdraw(self, name: VersionName, entry: _Entry) -> bool:
        """Takes ``name`` from those that are ready, if it is among them."""
        place = (entry.asked, name.version, name.asset)
        at = bisect.bisect_left(self._ready, place)
        if at == len(self._ready) or self._ready[at] != place:
            return False
        del self._ready[at]
        return True
