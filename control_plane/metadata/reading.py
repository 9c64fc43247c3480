"""Reading metadata: from the cache, and what it lacks from the database."""

import asyncio
from collections.abc import Collection
from typing import Final

from common.errors import NearcastError
from control_plane.metadata.cache import MetadataCache
from control_plane.metadata.port import MetadataStore
from control_plane.metadata.records import Metadata

SHOWN_WITHIN: Final = 0.25
"""Seconds that who only shows metadata waits for the database."""


class MetadataReader:
    """Reads through the cache."""

    def __init__(self, store: MetadataStore, cache: MetadataCache) -> None:
        self._store = store
        self._cache = cache

    async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """The metadata of each of ``asset_ids``; that of an asset of which nothing is known is
        empty.

        Raises:
            Unavailable: the database does not answer.
            MessageInvalid: a record is none that this release can read.
        """
        found = await self._cache.get(asset_ids)
        missing = [asset_id for asset_id in asset_ids if asset_id not in found]
        if missing:
            read = await self._store.get(missing)
            await self._cache.put(read.values())
            found |= read
        return {name: found.get(name) or Metadata(asset_id=name) for name in asset_ids}

    async def shown(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """The same, or nothing at all where the database does not tell it soon: what there is to
        watch is shown without its description rather than not."""
        try:
            async with asyncio.timeout(SHOWN_WITHIN):
                return await self.get(asset_ids)
        except (NearcastError, TimeoutError):
            return {}
