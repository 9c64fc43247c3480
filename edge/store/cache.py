"""The cache: stored responses by key, within a budget, the same after every kind of end.

A response is in the cache when its record is in the index, and the record is written last. What a
crash leaves between is taken away after the next start: files that no record names; a record whose
file is not there is dropped when it is asked for. Each key belongs to one worker process, which
alone stores under it and evicts it; all read.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from functools import partial
from operator import setitem
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from common import logs
from common.errors import NearcastError, StorageFull
from edge.policy.coverage import Span, add_span
from edge.policy.eviction import LARGEST_SHARE, Eviction, note_use
from edge.policy.stored import Stored
from edge.store.body import EARLY_LIMIT, Body
from edge.store.files import ObjectDamaged, name_of
from edge.store.index import Index, Written, digest_of
from edge.store.memory import MemoryTier, Resident
from edge.store.objects import Objects
from edge.store.opening import opened
from edge.store.orphans import remove_orphans
from edge.store.promotion import Promotion
from edge.store.purges import PurgeNotes
from edge.store.shared import Shared, slot_of
from edge.store.sweeping import Sweep

INDEX_SHARE = 16
"""Small objects may take one part in this of the disk budget in the index, whose file never shrinks
and is beside the budget; further ones have files."""

_log = logs.get(__name__)


class Cache:
    """Stored responses by key."""

    def __init__(
        self,
        folder: Path,
        runtime: Path,
        *,
        disk_budget: int,
        memory_budget: int,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        """Opens index and files; ``open`` is what others call."""
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"
        for part in (self._objects, self._incoming, runtime):
            part.mkdir(parents=True, exist_ok=True)
        self._shared = Shared(runtime / "shared")
        self._index = Index(
            folder / "index", self._shared.key_changed, room=disk_budget // INDEX_SHARE
        )
        self.disk_budget = disk_budget // workers
        self._eviction = Eviction(self.disk_budget, self._shared.uses)
        self._worker = worker
        self._workers = workers
        self._first_number = self._index.numbers.first_free()
        self.desired = self._index.desired
        self.purges = PurgeNotes(self._index, self._shared, workers)
        swept = partial(setitem, self._shared.swept, worker)
        self._sweep = Sweep(self._index, self.purges, self._is_own, self._remove, swept)
        self._growing = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._soon = 0
        """Bytes of what is being stored and is not among the others yet."""
        self.memory = MemoryTier(
            runtime / "memory", memory_budget // workers, self._shared.visits, worker=worker
        )
        self._on_disk = Objects(self._objects, self._index)
        self._promotion = Promotion(self._on_disk, self.memory)
        self.evictions = 0
        self.corrupted = self.disk_errors = 0
        self._load()

    @classmethod
    async def open(
        cls,
        folder: Path,
        runtime: Path,
        *,
        disk_budget: int,
        memory_budget: int,
        worker: int = 0,
        workers: int = 1,
    ) -> "Cache":
        """The cache in ``folder``, as worker process ``worker`` of ``workers`` has it.

        Args:
            folder: where it is.
            runtime: where the workers keep what only matters while they run, in memory.
            disk_budget: bytes that all workers' objects may have together.
            memory_budget: bytes that all workers may keep in memory.
            worker: which worker this is; number 0 is started first and puts the folder in order.
            workers: how many there are.

        Raises:
            StorageFull: no space is left for its index.
            Unavailable: its index cannot be opened.
        """
        cache = await asyncio.to_thread(
            partial(cls, folder, runtime, worker=worker, workers=workers),
            disk_budget=disk_budget,
            memory_budget=memory_budget,
        )
        with contextlib.suppress(StorageFull):
            await cache.make_room()
        return cache

    def _load(self) -> None:
        if self._worker == 0:
            for file in self._incoming.iterdir():
                file.unlink()
        for number, digest, held in self._index.objects():
            if self._is_own(digest):
                self._eviction.add(number, held, int.from_bytes(digest[:8]), kept=True)

    def _is_own(self, digest: bytes) -> bool:
        return digest[0] % self._workers == self._worker

    def owner(self, key: str) -> int:
        """The worker process that stores under ``key``."""
        return digest_of(key)[0] % self._workers

    @property
    def largest(self) -> int:
        """Bytes that an object of unknown length may have."""
        return self.disk_budget // LARGEST_SHARE

    @property
    def used(self) -> int:
        """Bytes of the objects that are this worker's."""
        return self._eviction.total

    def __len__(self) -> int:
        return len(self._eviction)

    @property
    def changes(self) -> memoryview:
        """How often what is stored under keys has changed, by ``slot_of`` the key."""
        return self._shared.changes

    @property
    def generation(self) -> memoryview:
        """Its one member changes whenever purges do."""
        return self._shared.generation

    def slot_of(self, key: str) -> int:
        """Where ``changes`` counts for ``key``, and for others."""
        return slot_of(digest_of(key))

    def lookup(self, key: str) -> tuple[Stored, ...]:
        """What is stored under ``key`` and no purge has taken."""
        try:
            record = self._index.get(digest_of(key))
        except lmdb.Error as error:
            _log.warning("the cache's index cannot be read", reason=str(error))
            return ()
        if record is None or record.key != key:
            return ()
        return self.purges.left(key, record.variants)

    def note_use(self, stored: Stored) -> None:
        """Says that ``stored`` answered a request."""
        note_use(self._shared.uses, stored.number)

    def read(self, stored: Stored, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The held bytes from ``start`` up to, without, ``stop``, as ``Promotion.read``."""
        return self._promotion.read(stored, start, stop)

    def resident(self, stored: Stored) -> Resident | None:
        """A complete object that is in memory; never waits for a disk."""
        return self._promotion.resident(stored)

    async def damaged(self, key: str, stored: Stored, error: ObjectDamaged) -> None:
        """Drops an object that turned out damaged, unless it was replaced or evicted meanwhile."""
        # A partial object's checksums are written just before its record.
        await asyncio.sleep(0.05)
        if stored not in self.lookup(key):
            return
        self.corrupted += 1
        self.disk_errors += isinstance(error.__cause__, OSError)
        _log.warning("stored object is damaged and is dropped", key=key, reason=str(error))
        with contextlib.suppress(NearcastError):
            await self._remove([stored.number])

    # Storing.

    async def new_body(self, *, digested: bool = False) -> tuple[int, Body]:
        """A number and a body for an object that arrives.

        Args:
            digested: whether its SHA-256 will be asked for.
        """
        number = await self._index.numbers.new()
        return number, Body(f"{self._incoming}/{number:x}", digested=digested)

    def small_body(self, content: bytes) -> tuple[int, Body] | None:
        """As ``new_body``, with all that belongs in it; None if it is not small, or has to wait."""
        size = len(content)
        if size > EARLY_LIMIT or not self._eviction.is_small(size):
            return None
        number = self._index.numbers.now()
        if number is None:
            return None
        return number, Body(f"{self._incoming}/{number:x}", content=content)

    async def body_of(self, stored: Stored) -> Body:
        """The body of a stored object that gets more bytes.

        Raises:
            ObjectDamaged: its file is gone.
        """
        path = name_of(str(self._objects), stored.number)
        try:
            return await opened(lambda: Body(path, held=stored.held))
        except OSError as error:
            raise ObjectDamaged(number=stored.number, reason=str(error)) from error

    def admits(self, key: str, size: int) -> bool:
        """Whether an object of ``size`` bytes under ``key`` is worth the room it would take."""
        digest = digest_of(key)
        return self._eviction.admits(size, int.from_bytes(digest[:8]))

    async def commit(self, key: str, stored: Stored, body: Body, arrived: Span) -> Stored | None:
        """Takes an object in under ``key``.

        Args:
            key: its key.
            stored: it, with number, size and the response's fields.
            body: its bytes.
            arrived: those of them that are new.

        Returns:
            It as it is stored; None when it could not be kept, because no space is left or a purge
            took it on its way.
        """
        if not body.on_disk or self.purges.take(key, stored):
            return None
        try:
            # What grows is changed by one at a time, each beginning from what the last has left.
            async with self._growing if body.grows else contextlib.nullcontext():
                return await self._commit(key, stored, body, arrived)
        except (NearcastError, OSError) as error:
            self.disk_errors += isinstance(error, OSError)
            _log.warning("object not kept", key=key, reason=str(error))
            return None

    async def _commit(self, key: str, stored: Stored, body: Body, arrived: Span) -> Stored | None:
        if body.grows:
            now = next((other for other in self.lookup(key) if other.number == stored.number), None)
            if now is None:
                return None
            # What was heard last of it holds, and all bytes that are there.
            stored = max(now, stored, key=lambda one: (one.sequence, one.received_at))
            body.held = add_span(now.held, arrived)
        self._soon += arrived[1] - arrived[0]
        try:
            if not await self._make_room():
                return None
            kept = msgspec.structs.replace(stored, held=body.held if stored.size else ())
            written = await self._index.write(*self._on_disk.writing(key, kept, body, arrived))
            self._count(key, kept, pinned=written.pinned)
        finally:
            self._soon -= arrived[1] - arrived[0]
        await self._unlink(written.displaced)
        return kept

    def commit_soon(
        self, key: str, stored: Stored, body: Body, done: Callable[[Stored | None], None]
    ) -> None:
        """As ``commit``, for all of a new object; ``done`` is told what that answers."""
        if self._eviction.total + self._soon + stored.size > self.disk_budget:
            committing = self._spawn(self.commit(key, stored, body, (0, stored.size)))
            committing.add_done_callback(lambda task: done(task.result()))
            return
        if self.purges.take(key, stored):
            done(None)
            return
        arrived = (0, stored.size)
        kept = msgspec.structs.replace(stored, held=body.held)
        self._soon += stored.size

        def ended(written: Written | None, error: Exception | None) -> None:
            self._soon -= stored.size
            if written is None:
                self.disk_errors += isinstance(error, OSError)
                _log.warning("object not kept", key=key, reason=str(error))
                done(None)
                return
            self._count(key, kept, pinned=written.pinned)
            if written.displaced:
                self._spawn(self._unlink(written.displaced))
            done(kept)

        self._index.write_soon(*self._on_disk.writing(key, kept, body, arrived), ended)

    def _spawn(self, work: Coroutine[None, None, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _count(self, key: str, kept: Stored, *, pinned: bool) -> None:
        """Takes account of an object that is stored."""
        if kept.number in self._eviction:
            self._eviction.resize(kept.number, kept.held_bytes)
            return
        fingerprint = int.from_bytes(digest_of(key)[:8])
        self._eviction.add(kept.number, kept.held_bytes, fingerprint, kept=pinned)

    async def update(self, key: str, stored: Stored) -> bool:
        """Changes what is known of a stored response; whether it is still there."""
        if self.purges.take(key, stored):
            return False
        try:
            return await self._index.write(self._index.replace(key, stored))
        except NearcastError as error:
            _log.warning("response not updated", key=key, reason=str(error))
            return False

    async def make_room(self) -> None:
        """Evicts what must go.

        Raises:
            StorageFull: what is pinned leaves no room.
        """
        if not await self._make_room():
            raise StorageFull(where="the cache: what placement asks for takes its whole budget")

    async def _make_room(self) -> bool:
        """Evicts what must go for what is being stored; whether there is room for that."""
        if self._soon and self._eviction.total + self._soon > self.disk_budget:
            # What is being stored already can leave once it is.
            await self._index.write(lambda _: None)
        surplus = self._eviction.total + self._soon - self.disk_budget
        if surplus > 0:
            victims = self._eviction.victims(surplus, self._index.is_pinned)
            self.evictions += len(victims)
            await self._remove(victims)
        return self._eviction.total + self._soon <= self.disk_budget

    # Forgetting.

    async def forget(self, key: str) -> None:
        """Forgets all that is stored under ``key``."""
        await self._unlink(await self._index.write(self._index.remove_key(key)))

    async def _remove(self, numbers: Iterable[int]) -> None:
        gone = list(numbers)
        if not gone:
            return
        # Files first: on a full disk the index needs the space to write that they are gone.
        await self._unlink(gone)
        await self._index.write(self._index.remove_objects(gone))

    async def _unlink(self, numbers: Iterable[int]) -> None:
        gone = list(numbers)
        for number in gone:
            self._eviction.remove(number)
            self.memory.remove(number)
        if gone:
            await asyncio.to_thread(self._on_disk.unlink, gone)

    async def sweep(self) -> None:
        """Deletes what purges have taken, and writes down what they made stale."""
        self.memory.tidy()
        await self._sweep.run()

    async def remove_orphans(self) -> int:
        """Deletes files that no record names, left by a crash; how many they were."""
        return await remove_orphans(self._objects, self._index, below=self._first_number)

    async def close(self) -> None:
        """Closes it."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._index.close()
        self._shared.close()
