"""Keeps what is in memory and what is in databases alike."""

import asyncio
from typing import Final, Protocol

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from control_plane.waiting import waited

REFRESH_EVERY: Final = 1.0
"""Seconds between looks at what other control planes wrote."""
SAVE_EVERY: Final = 0.2
"""Seconds that what an edge told waits to be written."""

UNREAD: Final = "it was not read yet"

_log = logs.get(__name__)


class Kept(Protocol):
    """Something that is in memory and in a database. Both raise ``Unavailable`` when that is
    away."""

    async def save(self) -> None:
        """Writes down what is new here."""
        ...

    async def refresh(self) -> None:
        """Reads what is new there."""
        ...


class Keeper:
    """Saves and refreshes, one after the other."""

    def __init__(self, kept: dict[str, Kept], clock: Clock) -> None:
        """Keeps ``kept``, by the names that people know them by."""
        self._kept = kept
        self._clock = clock
        self._unread = dict.fromkeys(kept, UNREAD)
        self._unwritten: dict[str, str] = {}
        self._new: set[str] = set()
        """What there is something new of to be read."""
        self._hinted = asyncio.Event()

    @property
    def away(self) -> dict[str, str]:
        """What may differ from its database, and why; nothing when all is fresh."""
        return {**self._unwritten, **self._unread}

    def hint(self, name: str) -> None:
        """Says that there is something new to be read of what is kept under ``name``."""
        self._new.add(name)
        self._hinted.set()

    async def save(self) -> None:
        """Saves everything. What cannot be written is kept for the next time."""
        for name, each in self._kept.items():
            try:
                await each.save()
            except NearcastError as error:
                if name not in self._unwritten:
                    _log.warning("what is new is not written down", what=name, reason=str(error))
                self._unwritten[name] = str(error)
            else:
                self._unwritten.pop(name, None)

    async def refresh(self) -> None:
        """Refreshes everything: what was read last is better than nothing."""
        self._new.update(self._kept)
        await self._read()

    async def _read(self) -> None:
        """Refreshes what is new, and nothing else: somebody waits for it."""
        new, self._new = self._new, set()
        self._hinted.clear()
        for name in self._kept:
            if name not in new:
                continue
            try:
                await self._kept[name].refresh()
            except NearcastError as error:
                # Unreachable, or with a record in it that this release cannot read.
                if self._unread.get(name, UNREAD) == UNREAD:
                    _log.warning("going on with what was read last", what=name, reason=str(error))
                self._unread[name] = str(error)
            else:
                if self._unread.pop(name, UNREAD) != UNREAD:
                    _log.info("it can be read again", what=name)

    async def run(self) -> None:
        """Keeps all alike, for ever."""
        refresh_at = 0.0
        while True:
            await waited(self._hinted, SAVE_EVERY)
            try:
                await self._read()
                await self.save()
                if self._clock.monotonic() >= refresh_at:
                    refresh_at = self._clock.monotonic() + REFRESH_EVERY
                    await self.refresh()
            except Exception:
                # Whatever it was, it must not be the end of looking.
                _log.exception("what is known could not be read or written")
