"""What there is to watch: the catalog's packages, rollbacks and removals, in memory, so that
routing waits for nobody.

What is new in the catalog is read every second, which is how several control planes know the same;
what this one is told it knows at once.
"""

import asyncio
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from common.clock import Clock
from common.errors import NearcastError
from common.messages import OrderedRemovals, PackageAnnouncement
from control_plane.catalog import (
    Asset,
    Catalog,
    Counts,
    History,
    Package,
    Pin,
    Removal,
    Tombstone,
)
from control_plane.removal.orders import ordered

READ_AGAIN: Final = 300.0
"""Seconds before the newest known package from which packages are read anew: by as much may the
clocks of control planes differ."""


class AssetUnknown(NearcastError):
    """There is no asset {asset_id!r}."""

    status = 404


class Library:
    """Knows every asset."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._history = History()
        self._counted: Counts | None = None
        """What the catalog counted when it was read last."""
        self._newest = 0.0
        """When the newest known package was published."""
        self._removals: tuple[Removal, ...] = ()
        self._orders = ordered(())
        self._written: list[Callable[[], None]] = []
        self._listeners: list[Callable[[AbstractSet[str]], None]] = []
        self._reading = asyncio.Lock()

    def on_write(self, listener: Callable[[], None]) -> None:
        """Has ``listener`` called when something was written that others do not know yet."""
        self._written.append(listener)

    def on_change(self, listener: Callable[[AbstractSet[str]], None]) -> None:
        """Has ``listener`` called with the names of assets that are others now, those that are
        gone included; also with none, when only the removals that are not done changed."""
        self._listeners.append(listener)

    async def save(self) -> None:
        """Does nothing: what is told is written down before it is known."""

    async def refresh(self) -> None:
        """Learns what is new in the catalog.

        Raises:
            Unavailable: the database does not answer.
            MessageInvalid: a record in it is none that this release can read.
        """
        # The plan is read with the packages that it is about: nobody reads all of them twice.
        async with self._reading:
            await self._refresh()

    async def _refresh(self) -> None:
        await self.refresh_removals()
        counts = await self._catalog.counts()
        if counts == self._counted:
            return
        # Pins and tombstones are few. Packages are many: the newest will do, unless some came late.
        pins, tombstones = await self._catalog.pins(), await self._catalog.tombstones()
        since = self._newest - READ_AGAIN if self._counted is not None else 0.0
        # Before the packages that they take away.
        self._take((), pins, tombstones)
        await self._read(since)
        if self._history.counts.packages < counts.packages and since > 0.0:
            await self._read(0.0)
        self._counted = counts

    async def _read(self, since: float) -> None:
        async for portion in self._catalog.packages(since=since):
            self._take(portion)
            # Seconds for a million: viewers are routed meanwhile.
            await asyncio.sleep(0)

    def restore(
        self, packages: Iterable[Package], pins: Iterable[Pin], tombstones: Iterable[Tombstone]
    ) -> None:
        """Goes on from what was known before a restart; the next refresh reads everything."""
        self._take(packages, pins, tombstones)

    async def refresh_removals(self) -> None:
        """Sees how far removals are.

        Raises:
            Unavailable: the database does not answer.
        """
        before = {removal.removal_id for removal in self._removals}
        removals = {each.removal_id: each for each in await self._catalog.open_removals()}
        for removal in self._removals:
            # What came in here while the catalog was read stays.
            if removal.removal_id not in before:
                removals.setdefault(removal.removal_id, removal)
        self._order(removals.values())

    def _take(
        self,
        packages: Iterable[Package] = (),
        pins: Iterable[Pin] = (),
        tombstones: Iterable[Tombstone] = (),
    ) -> None:
        packages = tuple(packages)
        self._newest = max((self._newest, *(package.published_at for package in packages)))
        changed = self._history.take(packages, pins, tombstones)
        if changed:
            self._tell(changed)

    def _order(self, removals: Iterable[Removal]) -> None:
        self._removals = tuple(removals)
        if [each.removal_id for each in self._removals] != [
            each.removal_id for each in self._orders.removals
        ]:
            self._orders = ordered(self._removals)
            self._tell(frozenset())

    def _tell(self, changed: AbstractSet[str]) -> None:
        for listener in self._listeners:
            listener(changed)

    async def publish(self, announcement: PackageAnnouncement) -> Package:
        """Takes a package into the catalog; durable when this returns.

        Raises:
            PackageConflict: the version is known with another manifest.
            Unavailable: the database does not answer.
        """
        package = await self._catalog.publish(announcement, self._clock.now())
        self._take([package])
        self._wrote()
        return package

    async def pin(self, pin: Pin) -> None:
        """Has viewers of an asset get another version; raises as ``publish``."""
        self._take(pins=[await self._catalog.pin(pin)])
        self._wrote()

    async def remove(self, removal: Removal) -> None:
        """Has nobody get what ``removal`` names, from the moment this returns; raises as
        ``publish``."""
        await self._catalog.add_removal(removal)
        self._order((*self._removals, removal))
        self._take(tombstones=[removal.tombstone])
        self._wrote()

    def _wrote(self) -> None:
        for listener in self._written:
            listener()

    @property
    def history(self) -> History:
        """All that was ever announced, pinned and removed."""
        return self._history

    @property
    def removals(self) -> tuple[Removal, ...]:
        """Those that are not done, the oldest first."""
        return self._removals

    @property
    def orders(self) -> OrderedRemovals:
        """What edges are told of them."""
        return self._orders

    def announced(self, asset_id: str, version: str) -> PackageAnnouncement | None:
        """The package of an asset's version; None when it is removed or not known."""
        asset = self._history.assets.get(asset_id)
        package = asset.package(version) if asset is not None else None
        return package.announcement if package is not None else None

    def asset(self, asset_id: str) -> Asset:
        """The asset ``asset_id``.

        Raises:
            AssetUnknown: there is none.
        """
        asset = self._history.assets.get(asset_id)
        if asset is None:
            raise AssetUnknown(asset_id=asset_id[:64])
        return asset
