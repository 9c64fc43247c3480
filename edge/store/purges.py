"""The notes of purges, shared by all worker processes: asked on every hit, read on change."""

import asyncio
from collections.abc import Iterable

import msgspec

from edge.policy.purging import Purge, Purges, Scope, after_purges
from edge.policy.stored import Stored
from edge.store.index import Index
from edge.store.shared import Shared

KEPT = 3600.0
"""Seconds that a note is kept for the sake of what is on its way upstream."""

LOOKED_AT_AT_ONCE = 2000
"""Records that are looked at before others get their turn."""


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
        return await self._note(Purge(0, scope, value, soft, now))

    async def _note(self, purge: Purge) -> Purge:
        """Notes ``purge`` with the next number."""
        write = self._index.add_purge(
            lambda number: msgspec.structs.replace(purge, sequence=number)
        )
        noted = await self._index.write(write)
        self._shared.changed()
        return noted

    def barred(self, key: str) -> bool:
        """Whether ``key`` was removed for good."""
        return self.current().bar(key) is not None

    async def bar(self, prefixes: Iterable[str], *, now: float) -> None:
        """Bars what is under ``prefixes``, whole segments each, without the slash at the end; it
        holds for all processes from the moment this answers.

        Raises:
            StorageFull: no space is left to write that down.
        """
        for prefix in prefixes:
            if prefix not in self.current().barred:
                bar = Purge(0, Scope.PREFIX, prefix, soft=False, at=now, bars=True)
                await self._note(bar)

    async def left_behind_bars(self) -> set[str]:
        """The barred prefixes under which something is still stored, by whichever process.

        Raises:
            Unavailable: the index cannot be read.
        """
        left: set[str] = set()
        after = b""
        while found := await asyncio.to_thread(self._index.records, after, LOOKED_AT_AT_ONCE):
            after = found[-1][0]
            bars = (self.current().bar(record.key) for _, record in found if record is not None)
            left |= {bar.value for bar in bars if bar is not None}
        return left

    async def outlast_power(self) -> None:
        """Has all that was written so far outlast the machine's power: what a commit does not wait
        for, its own last page, the next one does."""
        for bar in self.current().barred.values():
            await self._index.write(self._index.change_purge(bar))
            return

    async def lift(self, prefixes: Iterable[str], *, now: float) -> None:
        """Has what is under ``prefixes`` asked for and stored again; what was asked for before is
        not.

        Raises:
            StorageFull: no space is left to write that down.
        """
        for prefix in prefixes:
            bar = self.current().barred.get(prefix)
            if bar is not None:
                plain = msgspec.structs.replace(bar, value=f"{prefix}/", at=now, bars=False)
                await self._index.write(self._index.change_purge(plain))
                self._shared.changed()

    async def forget_old(self, now: float) -> None:
        """Forgets old notes, whose takings every worker has swept up by now.

        What was asked for before them, and is still on its way, is not stored when it comes.
        """
        purges, _ = await asyncio.to_thread(self._index.purges)
        old = [purge.sequence for purge in purges if purge.at < now - KEPT and not purge.bars]
        if old:
            await self._index.write(self._index.forget_purges(max(old)))
            self._shared.changed()
