"""Keeps what is in memory and what is in databases alike."""

import asyncio
from typing import Final, Protocol

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from control_plane.waiting import Patience, waited

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


class _Part:
    """What is kept under one name."""

    def __init__(self, kept: Kept, clock: Clock) -> None:
        self.kept = kept
        self.patience = Patience(clock)
        self.hinted = asyncio.Event()
        """Whether there is something new to be read."""


class Keeper:
    """Saves and refreshes each part, one after the other, and all parts side by side: one that
    waits for its database holds up no other."""

    def __init__(self, kept: dict[str, Kept], clock: Clock) -> None:
        """Keeps ``kept``, by the names that people know them by."""
        self._parts = {name: _Part(each, clock) for name, each in kept.items()}
        self._clock = clock
        self._unread = dict.fromkeys(kept, UNREAD)
        self._unwritten: dict[str, str] = {}

    @property
    def away(self) -> dict[str, str]:
        """What may differ from its database, and why; nothing when all is fresh."""
        late = {
            name: trouble
            for name, part in self._parts.items()
            if (trouble := part.patience.trouble) is not None
        }
        return {**late, **self._unwritten, **self._unread}

    def hint(self, name: str) -> None:
        """Says that there is something new to be read of what is kept under ``name``."""
        self._parts[name].hinted.set()

    async def save(self) -> None:
        """Saves everything. What cannot be written is kept for the next time."""
        await asyncio.gather(*(self._save(name, part) for name, part in self._parts.items()))

    async def refresh(self) -> None:
        """Refreshes everything: what was read last is better than nothing."""
        await asyncio.gather(*(self._refresh(name, part) for name, part in self._parts.items()))

    async def run(self) -> None:
        """Keeps all alike, for ever."""
        async with asyncio.TaskGroup() as group:
            for name, part in self._parts.items():
                group.create_task(self._keep(name, part))

    async def _keep(self, name: str, part: _Part) -> None:
        refresh_at = 0.0
        while True:
            await waited(part.hinted, SAVE_EVERY)
            try:
                # What is hinted at comes first: somebody waits for it.
                if part.hinted.is_set():
                    await self._refresh(name, part)
                await self._save(name, part)
                if self._clock.monotonic() >= refresh_at:
                    refresh_at = self._clock.monotonic() + REFRESH_EVERY
                    await self._refresh(name, part)
            except Exception:
                # Whatever it was, it must not be the end of looking.
                _log.exception("what is known could not be read or written", what=name)

    async def _save(self, name: str, part: _Part) -> None:
        try:
            with part.patience.waiting():
                await part.kept.save()
        except NearcastError as error:
            if name not in self._unwritten:
                _log.warning("what is new is not written down", what=name, reason=str(error))
            self._unwritten[name] = str(error)
        else:
            self._unwritten.pop(name, None)

    async def _refresh(self, name: str, part: _Part) -> None:
        part.hinted.clear()
        try:
            with part.patience.waiting():
                await part.kept.refresh()
        except NearcastError as error:
            # Unreachable, or with a record in it that this release cannot read.
            if self._unread.get(name, UNREAD) == UNREAD:
                _log.warning("going on with what was read last", what=name, reason=str(error))
            self._unread[name] = str(error)
        else:
            if self._unread.pop(name, UNREAD) != UNREAD:
                _log.info("it can be read again", what=name)
