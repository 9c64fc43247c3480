"""From the disk into memory: what is read is put where the next reader finds it."""

import asyncio
from collections.abc import AsyncGenerator

from edge.policy.stored import Stored
from edge.store.files import SLICE
from edge.store.memory import MemoryTier, Resident
from edge.store.objects import Objects
from edge.store.opening import opened


class Promotion:
    """Reads objects from the disk into the memory tier, each once for all who ask at a time."""

    def __init__(self, objects: Objects, memory: MemoryTier) -> None:
        """Reads ``objects`` into ``memory``."""
        self._objects = objects
        self._memory = memory
        self._reading: dict[int, asyncio.Task[bytes]] = {}

    def resident(self, stored: Stored) -> Resident | None:
        """A complete object that is in memory; never waits for a disk."""
        if not stored.complete or not stored.size:
            return None
        return self._memory.get(stored.number, stored.size)

    async def read(self, stored: Stored, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The held bytes from ``start`` up to, without, ``stop``, slice by slice.

        Raises:
            ObjectDamaged: they are not what was stored, or gone.
        """
        whole = await self.bytes_of(stored)
        if whole is not None:
            for offset in range(start, stop, SLICE):
                yield bytes(whole[offset : min(offset + SLICE, stop)])
            return
        file = await opened(lambda: self._objects.open(stored))
        try:
            while start < stop:
                # Pieces end where slices do, so that none is read and checked twice.
                end = min(stop, (start // SLICE + 1) * SLICE)
                yield await asyncio.to_thread(file.read, start, end)
                start = end
        finally:
            file.close()

    async def bytes_of(self, stored: Stored) -> memoryview | bytes | None:
        """All bytes of an object that is in memory, or belongs there; None otherwise.

        Raises:
            ObjectDamaged: they are not what was stored, or gone.
        """
        resident = self.resident(stored)
        if resident is not None:
            return resident.view
        if not stored.complete or not self._memory.fits(stored.size):
            return None
        reading = self._reading.get(stored.number)
        if reading is None:
            reading = asyncio.create_task(self._read(stored))
            self._reading[stored.number] = reading
            reading.add_done_callback(lambda done: self._ended(stored.number, done))
        return await asyncio.shield(reading)

    def _ended(self, number: int, done: asyncio.Task[bytes]) -> None:
        del self._reading[number]
        if not done.cancelled():
            # Whoever waited is told; when nobody waits any more, nobody needs to be.
            done.exception()

    async def _read(self, stored: Stored) -> bytes:
        memory, number = self._memory, stored.number
        whole = await asyncio.to_thread(self._objects.read_whole, stored)
        if memory.reserve(number, stored.size):
            try:
                if not await asyncio.to_thread(memory.put, number, whole):
                    memory.release(number)
                elif number not in memory:
                    # It was evicted while it was written.
                    memory.remove(number)
            except OSError as error:
                memory.failed(number, error)
            finally:
                memory.placed(number)
        return whole
