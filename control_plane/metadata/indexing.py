"""Keeps what is found alike with what there is: each asset that the library has can be searched
for, and of one that is gone nothing is kept."""

import asyncio
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Final

from common import logs
from common.errors import NearcastError
from control_plane.catalog import Asset
from control_plane.library import Library
from control_plane.metadata.cache import MetadataCache
from control_plane.metadata.port import MetadataStore
from control_plane.metadata.records import Told
from control_plane.waiting import waited

AT_ONCE: Final = 200
"""Assets of one write."""
COMPARED_AT_ONCE: Final = 1000
"""Assets of one read."""
AGAIN_AFTER: Final = 2.0
"""Seconds after which a database that was away is tried again."""

_log = logs.get(__name__)


class Indexer:
    """Writes down what the library tells. At its start it compares all, as it may have been away.

    Every control plane does so; what is written is the same, and what is known of more holds.
    """

    def __init__(self, store: MetadataStore, cache: MetadataCache, library: Library) -> None:
        """Begins once it runs."""
        self._store = store
        self._cache = cache
        self._library = library
        self._compared = False
        self._changed: dict[str, None] = {}
        """Assets that may be others than what was noted, in their order."""
        self._done = False
        self._woken = asyncio.Event()
        library.on_change(self._tell)

    @property
    def done(self) -> bool:
        """Whether all is found that there is."""
        return self._done

    def _tell(self, changed: AbstractSet[str]) -> None:
        self._changed.update(dict.fromkeys(changed))
        self._done = self._done and not changed
        self._woken.set()

    async def run(self) -> None:
        """Keeps them alike, for ever."""
        while True:
            self._woken.clear()
            try:
                await self._work()
            except NearcastError as error:
                _log.warning("what is new is not found yet", reason=str(error))
                await asyncio.sleep(AGAIN_AFTER)
            except Exception:
                # Whatever it was, it must not be the end of it.
                _log.exception("what is new could not be noted")
                await asyncio.sleep(AGAIN_AFTER)
            else:
                self._done = not self._changed
                await waited(self._woken, 60.0)

    async def _work(self) -> None:
        if not self._compared:
            await self._compare()
            self._compared = True
        while batch := list(islice(self._changed, AT_ONCE)):
            # What changes while it is written is there again.
            for name in batch:
                del self._changed[name]
            try:
                await self._write(batch)
            except BaseException:
                self._changed.update(dict.fromkeys(batch))
                raise
            # Viewers are routed in between.
            await asyncio.sleep(0)

    async def _write(self, names: Iterable[str]) -> None:
        history = self._library.history
        told = [self.told(history.assets[name]) for name in names if name in history.assets]
        if told:
            await self._store.note(told)
        # Of what nobody has announced here, another control plane may know.
        gone = [n for n in names if n not in history.assets and history.told_of(n)]
        if gone:
            await self._store.forget(gone)
            await self._cache.drop(gone)

    async def _compare(self) -> None:
        """Finds out what is to be written down."""
        history = self._library.history
        missing, last = set(history.assets), ""
        while rows := await self._store.noted(last, COMPARED_AT_ONCE):
            last = rows[-1][0]
            for asset_id, known in rows:
                if asset_id not in missing or known >= self._known(asset_id):
                    missing.discard(asset_id)
                    if asset_id not in history.assets and history.told_of(asset_id):
                        self._changed[asset_id] = None
        # The oldest first, as they would have come.
        ordered = await asyncio.to_thread(sorted, missing, key=self._first_at)
        for portion in _portions(ordered):
            self._changed.update(dict.fromkeys(portion))
            await asyncio.sleep(0)

    def _first_at(self, asset_id: str) -> float:
        asset = self._library.history.assets.get(asset_id)
        return asset.packages[0].published_at if asset is not None else 0.0

    def _known(self, asset_id: str) -> int:
        history = self._library.history
        pin = history.pin(asset_id)
        return history.told_of(asset_id) + (pin.number if pin is not None else 0)

    def told(self, asset: Asset) -> Told:
        """What an asset's versions say of it."""
        package = asset.current.announcement
        return Told(
            asset.asset_id,
            self._known(asset.asset_id),
            package.title,
            package.creator,
            asset.packages[0].published_at,
        )


def _portions(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + 50_000] for start in range(0, len(names), 50_000))
