"""Hot metadata, kept near: the port, and the adapter in memory.

A cache is an ease and nothing more. What it has may be older than the database by what each adapter
says; of two of the same asset it keeps the one that was edited last, whoever puts it in later.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final, Protocol

from common.clock import Clock
from control_plane.metadata.records import Metadata

MOST_KEPT: Final = 50_000
"""Assets."""
LARGEST_KEPT: Final = 64 * 1024 * 1024
"""Characters of text in all of them."""
KEPT_FOR: Final = 5.0
"""Seconds. For so long another control plane may show what was before an edit."""
_BESIDES: Final = 500
"""What one of them takes besides its text, counted as characters."""


class MetadataCache(Protocol):
    """Keeps metadata that was read lately. Nothing here ever raises, or waits for long."""

    async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """What is kept of those of ``asset_ids``."""
        ...

    async def put(self, found: Collection[Metadata]) -> None:
        """Keeps what was read or written, unless something with a higher revision is kept."""
        ...

    async def drop(self, asset_ids: Collection[str]) -> None:
        """Keeps nothing of these."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...


class MemoryCache:
    """The adapter for one control plane."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Metadata]] = OrderedDict()
        """Until when each is kept, and it; what was used last at the end."""
        self._size = 0

    @property
    def size(self) -> int:
        """Characters."""
        return self._size

    async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """See the port."""
        now, found = self._clock.monotonic(), dict[str, Metadata]()
        for asset_id in asset_ids:
            until, metadata = self._kept.get(asset_id, (now, None))
            if metadata is None:
                continue
            if until <= now:
                self._drop(asset_id)
                continue
            self._kept.move_to_end(asset_id)
            found[asset_id] = metadata
        return found

    async def put(self, found: Collection[Metadata]) -> None:
        """See the port."""
        until = self._clock.monotonic() + KEPT_FOR
        for metadata in found:
            _, known = self._kept.get(metadata.asset_id, (0.0, None))
            if known is not None:
                if known.revision > metadata.revision:
                    continue
                self._drop(metadata.asset_id)
            self._kept[metadata.asset_id] = (until, metadata)
            self._size += _size(metadata)
        while len(self._kept) > MOST_KEPT or self._size > LARGEST_KEPT:
            self._drop(next(iter(self._kept)))

    async def drop(self, asset_ids: Collection[str]) -> None:
        """See the port."""
        for asset_id in self._kept.keys() & set(asset_ids):
            self._drop(asset_id)

    async def close(self) -> None:
        """See the port."""
        self._kept.clear()

    def _drop(self, asset_id: str) -> None:
        _, metadata = self._kept.pop(asset_id)
        self._size -= _size(metadata)


def _size(metadata: Metadata) -> int:
    texts = (metadata.title or "", metadata.description, *metadata.tags)
    return _BESIDES + sum(map(len, texts))
