"""The desk that takes rollbacks and removals: durable in the catalog before they are answered."""

import secrets

from common.clock import Clock
from common.errors import NearcastError
from common.messages import PackageAnnouncement, PackageName, RemovalView, VersionView
from control_plane.catalog import Asset, Catalog, Package, Pin, Removal
from control_plane.fleet import Fleet
from control_plane.library import AssetUnknown, Library
from control_plane.removal.orders import view_of
from control_plane.removal.origin import Remover
from control_plane.watch import Watch


class VersionUnknown(NearcastError):
    """Asset {asset_id} has no version {version!r}."""

    status = 404


class VersionRemoved(NearcastError):
    """Version {version} of asset {asset_id} was removed and does not come back."""

    status = 410


class RemovalUnknown(NearcastError):
    """There is no removal {removal_id!r}."""

    status = 404


class Desk:
    """Publishes versions, rolls back to them and removes them.

    Every method raises ``Unavailable`` when the catalog's database does not answer.
    """

    def __init__(
        self,
        catalog: Catalog,
        library: Library,
        fleet: Fleet,
        watch: Watch,
        remover: Remover,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._library = library
        self._fleet = fleet
        self._watch = watch
        self._remover = remover
        self._clock = clock

    async def publish(self, told: PackageAnnouncement) -> Package:
        """Takes a package into the catalog; durable when this returns.

        Raises:
            PackageConflict: the version is known with another manifest.
            VersionRemoved: it was removed, or the version that has its objects was.
        """
        named = (told.version, told.objects_of or told.version)
        removal = await self._catalog.removal_of(told.asset_id, named)
        if removal is not None:
            if removal.done_at is not None or told.version not in removal.versions:
                # Whoever announces it may have written its objects once more.
                await self._remove(told.asset_id, (told.version,), by="ingest")
            raise VersionRemoved(asset_id=told.asset_id, version=told.version)
        return await self._library.publish(told)

    async def roll_back(self, asset_id: str, version: str, *, by: str) -> Asset:
        """Has viewers get ``version`` until a newer one than all that are known is announced.

        Raises:
            AssetUnknown: there is no such asset.
            VersionRemoved: it was removed.
            VersionUnknown: there is no such version.
        """
        asset = self._library.asset(asset_id)
        if asset.package(version) is None:
            if await self._catalog.removal_of(asset_id, [version]) is not None:
                raise VersionRemoved(asset_id=asset_id, version=version)
            raise VersionUnknown(asset_id=asset_id, version=version[:64])
        known = self._library.history.pin(asset_id)
        if known is None or (known.version, known.newest) != (version, asset.newest):
            pin = Pin(asset_id, version, asset.newest, by, self._clock.now())
            await self._library.pin(pin)
        return self._library.asset(asset_id)

    async def remove(self, asset_id: str, version: str | None, *, by: str) -> Removal:
        """Removes a version and what has its objects, or all versions of an asset.

        A version that is to come goes with the one that has its objects already: they would stay
        if it never came, and bring back what is removed if it did.

        Viewers get nothing of it from now on. What is removed already is not removed again: the
        answer is the removal that took it.

        Raises:
            AssetUnknown: there is no such asset.
            OriginNotGiven: the settings do not say where the origin is.
            VersionUnknown: there is no such version.
        """
        self._remover.check()
        try:
            asset = self._library.asset(asset_id)
        except AssetUnknown:
            going: tuple[str, ...] = ()
        else:
            going = await self._going(asset, version)
        if going:
            return await self._remove(asset_id, going, by=by)
        announced = [
            told.announcement.version for told, _ in self._library.history.versions(asset_id)
        ]
        removal = await self._catalog.removal_of(asset_id, [version] if version else announced)
        if removal is not None:
            return removal
        if version is None or not announced:
            raise AssetUnknown(asset_id=asset_id[:64])
        raise VersionUnknown(asset_id=asset_id, version=version[:64])

    async def _going(self, asset: Asset, version: str | None) -> tuple[str, ...]:
        going = asset.going_with(version)
        coming = asset.coming(version) if version is not None else None
        # Another control plane may have taken it just now.
        if coming is None or await self._catalog.package(asset.asset_id, coming) is not None:
            return going
        return (*going, coming)

    async def withdraw(self, asset_id: str, version: str, *, by: str) -> Removal:
        """Removes a version that may not be known yet: whenever it is announced, it is refused."""
        removal = await self._catalog.removal_of(asset_id, [version])
        return removal or await self._remove(asset_id, (version,), by=by)

    async def _remove(self, asset_id: str, versions: tuple[str, ...], *, by: str) -> Removal:
        now = self._clock.now()
        removal = Removal(secrets.token_hex(8), asset_id, versions, by, now)
        await self._library.remove(removal)
        self._remover.wake()
        return removal

    async def confirm(self, edge_id: str, removal_ids: tuple[str, ...]) -> None:
        """Remembers that an edge has nothing left of these removals."""
        for removal_id in removal_ids:
            await self._catalog.confirm_edge(removal_id, edge_id, self._clock.now())
        self._remover.wake()

    async def removal(self, removal_id: str) -> RemovalView:
        """How far a removal is.

        Raises:
            RemovalUnknown: there is none of that name.
        """
        removal = await self._catalog.removal(removal_id)
        if removal is None:
            raise RemovalUnknown(removal_id=removal_id[:64])
        return self.view(removal)

    async def recent(self, *, limit: int) -> tuple[Removal, ...]:
        """The newest removals, the newest first."""
        return await self._catalog.removals(limit=limit)

    def view(self, removal: Removal) -> RemovalView:
        """A removal as people see it."""
        try:
            current = self._library.asset(removal.asset_id).current.announcement.version
        except AssetUnknown:
            current = None
        health = {
            record.edge_id: self._watch.health(record.edge_id).state
            for record in self._fleet.edges()
        }
        return view_of(removal, health, current=current, trouble=self._remover.trouble)

    def versions(self, asset_id: str) -> list[VersionView]:
        """All versions of an asset that has one left, the newest first.

        Raises:
            AssetUnknown: there is no such asset.
        """
        current = self._library.asset(asset_id).current.announcement.version
        records = self._fleet.edges()
        return [
            VersionView(
                version=(told := package.announcement).version,
                title=told.title,
                announced_at=package.published_at,
                bytes=told.bytes,
                objects=told.object_count,
                current=told.version == current,
                removed=removal_id is not None,
                edges=sum(
                    self._fleet.holds(record.edge_id, PackageName(asset_id, told.version))
                    for record in records
                ),
                removal_id=removal_id,
                objects_of=told.objects_of,
            )
            for package, removal_id in self._library.history.versions(asset_id)
        ]
