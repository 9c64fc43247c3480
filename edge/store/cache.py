"""The cache: whole, verified objects, within a budget, the same after every kind of end.

An object is in the cache when its entry is in the index, and the entry is written last. What a
crash leaves between is taken away at the next start: files without an entry, entries without a
file. After a start the machine may have lost power with writes unsynced, so each file's SHA-256 is
checked once more before its first use.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from common import logs
from common.errors import NearcastError, StorageFull
from edge.policy.eviction import Recency
from edge.store.draft import Draft
from edge.store.entry import Entry
from edge.store.index import Index
from edge.store.memory import MemoryTier

SLICE = 256 * 1024
"""Bytes read at once."""
DRAFT_MEMORY = 64 * 1024 * 1024
"""Bytes of one object that may be in memory while the disk is full."""

_log = logs.get(__name__)


class Cache:
    """Objects by key."""

    def __init__(self, folder: Path, index: Index, *, disk_budget: int, memory_budget: int) -> None:
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"
        self._index = index
        self._disk_budget = disk_budget
        self._recency = Recency()
        self._unverified: set[str] = set()
        self._verifying: dict[str, asyncio.Task[bool]] = {}
        self.memory = MemoryTier(memory_budget)
        self.evictions = 0
        self.corrupted = 0

    @classmethod
    async def open(cls, folder: Path, *, disk_budget: int, memory_budget: int) -> "Cache":
        """The cache in ``folder``, put in order.

        Raises:
            StorageFull: no space is left for its index.
            Unavailable: its index cannot be opened.
        """
        index = await asyncio.to_thread(Index, folder / "index")
        cache = cls(folder, index, disk_budget=disk_budget, memory_budget=memory_budget)
        await asyncio.to_thread(cache._repair)
        await cache._make_room(0)
        return cache

    @property
    def used(self) -> int:
        """Bytes of all objects."""
        return self._recency.total

    def __len__(self) -> int:
        return len(self._recency)

    def _repair(self) -> None:
        for folder in (self._objects, self._incoming):
            folder.mkdir(parents=True, exist_ok=True)
        for file in self._incoming.iterdir():
            file.unlink()
        sizes = {
            f"{fan.name}/{file.name}": file.stat().st_size
            for fan in self._objects.iterdir()
            for file in fan.iterdir()
        }
        lost: list[str] = []
        for key, entry in self._index.items():
            if entry is None or sizes.get(entry.file) != entry.size:
                lost.append(key)
                continue
            del sizes[entry.file]
            self._recency.add(key, entry.size)
            self._unverified.add(key)
        self._index.remove(lost)
        for orphan in sizes:
            (self._objects / orphan).unlink()
        if lost or sizes:
            _log.info("cache put in order", entries_dropped=len(lost), files_dropped=len(sizes))

    def peek(self, key: str) -> Entry | None:
        """The entry of ``key``, whether or not its file was checked since the start."""
        return self._index.get(key) if key in self._recency else None

    async def lookup(self, key: str) -> Entry | None:
        """The entry of ``key``, whose file is whole; counts as a use."""
        if key not in self._recency:
            return None
        if key in self._unverified and not await self._verify(key):
            return None
        self._recency.touch(key)
        return self._index.get(key)

    async def _verify(self, key: str) -> bool:
        """Checks the file of ``key`` once, however many ask; drops it when it is wrong."""
        checking = self._verifying.get(key)
        if checking is None:
            checking = asyncio.create_task(self._check(key))
            self._verifying[key] = checking
            checking.add_done_callback(lambda _: self._verifying.pop(key, None))
        return await asyncio.shield(checking)

    async def _check(self, key: str) -> bool:
        entry = self._index.get(key)
        if entry is not None and await asyncio.to_thread(_is_whole, self._objects, entry):
            self._unverified.discard(key)
            return True
        self.corrupted += 1
        _log.warning("stored object is damaged and is dropped", key=key)
        await self.remove([key])
        return False

    async def read(self, entry: Entry, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` up to, without, ``stop``, in slices.

        Raises:
            OSError: the file cannot be read.
        """
        whole = self.memory.get(entry.file)
        if whole is None and self.memory.fits(entry.size):
            whole = await asyncio.to_thread((self._objects / entry.file).read_bytes)
            if len(whole) != entry.size:
                raise OSError(f"{entry.file} is cut")
            self.memory.put(entry.file, whole)
        if whole is not None:
            for offset in range(start, stop, SLICE):
                yield whole[offset : min(offset + SLICE, stop)]
            return
        # Opened once: an object that is evicted meanwhile stays readable to its end.
        file = await asyncio.to_thread(os.open, self._objects / entry.file, os.O_RDONLY)
        try:
            while start < stop:
                data = await asyncio.to_thread(os.pread, file, min(SLICE, stop - start), start)
                if not data:
                    raise OSError(f"{entry.file} is cut")
                yield data
                start += len(data)
        finally:
            os.close(file)

    async def draft(self) -> Draft:
        """A new draft, for an object that arrives."""
        path = self._incoming / secrets.token_hex(16)
        return await asyncio.to_thread(Draft, path, memory_limit=DRAFT_MEMORY)

    async def make_room(self, size: int) -> None:
        """Evicts what must go for ``size`` more bytes.

        Raises:
            StorageFull: what is pinned leaves no room.
        """
        if not await self._make_room(size):
            raise StorageFull(where="the cache: what placement asks for takes its whole budget")

    async def commit(self, key: str, draft: Draft, entry: Entry) -> bool:
        """Takes a finished draft in under ``key``, in place of what was there.

        Returns:
            False when it could not be kept, because no space is left.
        """
        if not draft.on_disk or not await self._make_room(entry.size):
            return False
        before = self._index.get(key) if key in self._recency else None
        try:
            await asyncio.to_thread(self._place, key, draft, entry)
        except (NearcastError, OSError) as error:
            _log.warning("object not kept", key=key, reason=str(error))
            return False
        self._recency.add(key, entry.size)
        self._unverified.discard(key)
        if before is not None:
            await asyncio.to_thread(self._unlink, [before])
        return True

    def _place(self, key: str, draft: Draft, entry: Entry) -> None:
        target = self._objects / entry.file
        target.parent.mkdir(exist_ok=True)
        draft.path.rename(target)
        try:
            self._index.put(key, entry)
        except BaseException:
            target.unlink()
            raise

    async def _make_room(self, size: int) -> bool:
        surplus = self._recency.total + size - self._disk_budget
        if surplus > 0:
            victims = self._recency.victims(surplus)
            self.evictions += len(victims)
            await self.remove(victims)
        return self._recency.total + size <= self._disk_budget

    async def remove(self, keys: Iterable[str]) -> None:
        """Takes objects out of the cache; those being read stay readable."""
        gone = {key: entry for key in keys if (entry := self._index.get(key)) is not None}
        for key, entry in gone.items():
            self._recency.remove(key)
            self._unverified.discard(key)
            self.memory.remove(entry.file)
        if gone:
            await asyncio.to_thread(self._forget, gone)

    def _forget(self, gone: dict[str, Entry]) -> None:
        # Files first: on a full disk the index needs the space to write that they are gone.
        self._unlink(gone.values())
        self._index.remove(gone)

    def _unlink(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            (self._objects / entry.file).unlink(missing_ok=True)

    def pin(self, keys: Iterable[str]) -> None:
        """Makes ``keys``, and no others, the ones that are never evicted."""
        self._recency.pin(keys)

    async def close(self) -> None:
        """Closes the index."""
        await asyncio.to_thread(self._index.close)


def new_file_name() -> str:
    """A name that no file of the cache has: a replaced object never changes under its readers."""
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name[2:]}"


def _is_whole(folder: Path, entry: Entry) -> bool:
    try:
        with (folder / entry.file).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == entry.sha256
    except OSError:
        return False
