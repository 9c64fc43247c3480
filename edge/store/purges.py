"""The notes of purges, shared by all worker processes: asked on every hit, read on change."""

import asyncio
import math
from collections.abc import Iterable, Sequence

import msgspec

from edge.policy.purging import Purge, Purges, Scope, after_purges
from edge.policy.stored import Stored
from edge.store.index import Index
from edge.store.shared import Shared

KEPT = 3600.0
"""Seconds that a note is kept for the sake of what is on its way upstream."""
MOST_NOTES = 10_000
"""Notes that there may be. Of more, half are forgotten before that time, once all that they take
is swept up: what is on its way since before them is not stored then."""
FORGET_EVERY = 60.0
"""Seconds between looks for notes that are too old: each time, what is hot is looked up anew."""

LOOKED_AT_AT_ONCE = 2000
"""Records that are looked at before others get their turn."""


class PurgeNotes:
    """What has been purged."""

    def __init__(self, index: Index, shared: Shared, workers: int) -> None:
        self._index = index
        self._shared = shared
        self._workers = workers
        self._seen: int | None = None
        self._purges = Purges()
        self._floor = 0
        self._edits = -1
        self._held_to = 0
        self._looked_at: float | None = None

    def current(self) -> Purges:
        """The purges that matter now, whichever process they were asked of."""
        generation = self._shared.generation[0]
        if generation != self._seen:
            notes = self._index.purges.read(self._purges.last, self._edits)
            if notes.whole:
                self._purges = Purges()
            for purge in notes.purges:
                self._purges.add(purge)
            self._floor, self._edits, self._held_to = notes.floor, notes.edits, notes.followed
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
        write = self._index.purges.add(
            lambda number: msgspec.structs.replace(purge, sequence=number)
        )
        noted = await self._index.write(write)
        self._shared.changed()
        return noted

    @property
    def followed(self) -> int:
        """The number of the last purge of the control plane's log that is noted."""
        return self._index.purges.followed()

    @property
    def held_to(self) -> int:
        """The number of the last purge of that log to which everything here is held: a moment
        after it is noted."""
        self.current()
        return self._held_to

    def told_of(self, key: str) -> int | None:
        """That number, for edges that are asked for ``key``, which perhaps have not come so far;
        None where no purge names it."""
        return self.held_to if self.current().may_name(key) else None

    async def follow(self, purges: Sequence[tuple[int, Purge]], *, since: int, upto: int) -> int:
        """Notes purges of the control plane's log, all in one write: those from ``since`` on up to
        ``upto``, each with its number there. Noted is what was not before, and nothing when what
        is before ``since`` was not.

        Returns:
            The number of the last that is noted.

        Raises:
            StorageFull: no space is left to write that down.
        """
        write = self._index.purges.follow(purges, since=since, upto=upto)
        followed = await self._index.write(write)
        self._shared.changed()
        return followed

    async def follow_anew(self, *, upto: int, now: float) -> int:
        """Has all that is stored validated, in place of all purges of the control plane's log up
        to number ``upto``; raises as ``follow``."""
        purge = Purge(0, Scope.EVERYTHING, "", soft=True, at=now)
        followed = await self._index.write(self._index.purges.follow_anew(purge, upto=upto))
        self._shared.changed()
        return followed

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
            await self._index.write(self._index.purges.change(bar))
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
                await self._index.write(self._index.purges.change(plain))
                self._shared.changed()

    async def forget_old(self, now: float) -> None:
        """Forgets old notes, whose takings every worker has swept up.

        What was asked for before them, and is still on its way, is not stored when it comes.
        """
        due = self._looked_at is None or abs(now - self._looked_at) >= FORGET_EVERY
        if due:
            self._looked_at = now
        upto = await asyncio.to_thread(
            self._index.purges.forgettable,
            before=now - KEPT if due else -math.inf,
            most=MOST_NOTES,
            swept=min(self._shared.swept[: self._workers]),
        )
        if upto:
            await self._index.write(self._index.purges.forget(upto))
            self._shared.changed()
