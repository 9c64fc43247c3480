"""The notes of purges, shared by all worker processes: asked on every hit, read on change."""

import asyncio

from edge.policy.purging import Purge, Purges, Scope, after_purges
from edge.policy.stored import Stored
from edge.store.index import Index
from edge.store.shared import Shared

KEPT = 3600.0
"""Seconds that a note is kept for the sake of what is on its way upstream."""


class PurgeNotes:
    """What has been purged."""

    def __init__(self, index: Index, shared: Shared) -> None:
        self._index = index
        self._shared = shared
        self._seen: int | None = None
        self._purges = Purges()
        self._floor = 0

    def current(self) -> Purges:
        """The purges that matter now, whichever process they were asked of."""
        generation = self._shared.generation[0]
        if generation != self._seen:
            purges, self._floor = self._index.purges()
            self._purges = Purges(purges)
            self._seen = generation
        return self._purges

    @property
    def sequence(self) -> int:
        """The number of the last purge."""
        return max(self.current().last, self._floor)

    def left(self, key: str, variants: tuple[Stored, ...]) -> tuple[Stored, ...]:
        """What purges leave of what is stored under ``key``."""
        purges = self.current()
        if not purges:
            return variants
        return tuple(
            found for stored in variants if (found := after_purges(key, stored, purges)) is not None
        )

    def take(self, key: str, stored: Stored) -> bool:
        """Whether a purge takes ``stored``, which was on its way meanwhile, hard or soft."""
        purges = self.current()
        return stored.sequence < self._floor or purges.taking(key, stored) is not None

    async def add(self, scope: Scope, value: str, *, soft: bool, now: float) -> Purge:
        """Notes a purge; it holds for all processes from the moment this answers.

        Raises:
            StorageFull: no space is left to write that down.
        """
        purge = await self._index.write(
            self._index.add_purge(lambda number: Purge(number, scope, value, soft, now))
        )
        self._shared.changed()
        return purge

    async def forget_old(self, now: float) -> None:
        """Forgets old notes, whose takings every worker has swept up by now.

        What was asked for before them, and is still on its way, is not stored when it comes.
        """
        purges, _ = await asyncio.to_thread(self._index.purges)
        old = [purge.sequence for purge in purges if purge.at < now - KEPT]
        if old:
            await self._index.write(self._index.forget_purges(max(old)))
            self._shared.changed()
