"""What announcements, rollbacks and removals come to: the versions there are, and the current one.

Whatever comes in whichever order, as often as it comes, the same is made of it. Names of versions
sort by the time they were made.

- The current version is the newest.
- A rollback pins another, until a version is announced that is newer than all that were known then.
- What was removed never comes back, however often it is announced; what had its objects goes too.
"""

import itertools
from collections.abc import Iterable, Mapping

import msgspec

from control_plane.catalog.records import Counts, Package, Pin, Tombstone


class Asset(msgspec.Struct, frozen=True):
    """What is left of all versions of one video."""

    asset_id: str
    packages: tuple[Package, ...]
    """Oldest version first. One that is announced late does not take the place of a newer one."""
    pinned: Package | None = None
    """What an operator has rolled back to, as long as that holds."""

    @property
    def current(self) -> Package:
        """The version that viewers get."""
        return self.pinned or self.packages[-1]

    @property
    def newest(self) -> str:
        """The newest version that is known, or that is to come because a known one has its
        objects."""
        told = (package.announcement for package in self.packages)
        return max(max(each.version, each.objects_of or "") for each in told)

    def package(self, version: str) -> Package | None:
        """The version of that name, if it is left."""
        for package in self.packages:
            if package.announcement.version == version:
                return package
        return None

    def going_with(self, version: str | None) -> tuple[str, ...]:
        """What a removal takes: ``version`` and what has its objects, or all when that is None.

        All of it are also versions that are to come, as their objects are there.
        """
        told = [package.announcement for package in self.packages]
        if version is None:
            named = {each.version for each in told}
            return tuple(sorted(named | {each.objects_of for each in told if each.objects_of}))
        return tuple(each.version for each in told if version in {each.version, each.objects_of})

    def coming(self, version: str) -> str | None:
        """The version that has the objects of ``version`` and, as far as is known, is to come."""
        known = self.package(version)
        base = known.announcement.objects_of if known else None
        return base if base is not None and self.package(base) is None else None


class History:
    """All that was ever announced, pinned and removed, and the assets that come of it."""

    def __init__(self) -> None:
        self._packages: dict[str, dict[str, Package]] = {}
        self._pins: dict[str, Pin] = {}
        self._gone: dict[str, dict[str, str]] = {}
        """By asset, the versions that were removed, and by which removal; in no order of time."""
        self._removals: set[str] = set()
        self._assets: dict[str, Asset] = {}
        """Those that have a version left; the one whose current version came last at the end."""
        self._sorted = True
        self._announced = 0

    @classmethod
    def of(
        cls,
        packages: Iterable[Package] = (),
        pins: Iterable[Pin] = (),
        tombstones: Iterable[Tombstone] = (),
    ) -> "History":
        """The history that consists of these."""
        history = cls()
        history.take(packages, pins, tombstones)
        return history

    def take(
        self,
        packages: Iterable[Package] = (),
        pins: Iterable[Pin] = (),
        tombstones: Iterable[Tombstone] = (),
    ) -> set[str]:
        """Learns of these; which assets are others now, those that are gone included."""
        touched: set[str] = set()
        for package in packages:
            told = package.announcement
            known = self._packages.setdefault(told.asset_id, {})
            if known.get(told.version) != package:
                self._announced += told.version not in known
                known[told.version] = package
                touched.add(told.asset_id)
        for pin in pins:
            before = self._pins.get(pin.asset_id)
            if before is None or before.number < pin.number:
                self._pins[pin.asset_id] = pin
                touched.add(pin.asset_id)
        for tombstone in tombstones:
            if tombstone.removal_id not in self._removals:
                self._removals.add(tombstone.removal_id)
                gone = self._gone.setdefault(tombstone.asset_id, {})
                gone.update(dict.fromkeys(tombstone.versions, tombstone.removal_id))
                touched.add(tombstone.asset_id)
        return {asset_id for asset_id in touched if self._differs(asset_id)}

    def _differs(self, asset_id: str) -> bool:
        """Makes the asset anew; whether it is another than before."""
        before = self._assets.get(asset_id)
        asset = self._made(asset_id)
        if asset == before:
            return False
        self._assets.pop(asset_id, None)
        if asset is not None:
            last = next(reversed(self._assets.values()), None)
            newer = last is None or last.current.published_at <= asset.current.published_at
            self._sorted = self._sorted and newer
            self._assets[asset_id] = asset
        return True

    def _made(self, asset_id: str) -> Asset | None:
        known, gone = self._packages.get(asset_id, {}), self._gone.get(asset_id, {})
        left = tuple(package for _, package in sorted(known.items()) if not _is_gone(package, gone))
        if not left:
            return None
        asset = Asset(asset_id, left)
        pin = self._pins.get(asset_id)
        if pin is None or left[-1].announcement.version > pin.newest:
            return asset
        return msgspec.structs.replace(asset, pinned=asset.package(pin.version))

    @property
    def counts(self) -> Counts:
        """How much it is."""
        pins = sum(pin.number for pin in self._pins.values())
        return Counts(self._announced, pins, len(self._removals))

    @property
    def assets(self) -> Mapping[str, Asset]:
        """The assets that have a version left."""
        return self._assets

    def newest(self, limit: int) -> list[Asset]:
        """The ``limit`` assets whose current version came last, the newest first."""
        if not self._sorted:
            ordered = sorted(self._assets.items(), key=lambda item: item[1].current.published_at)
            self._assets = dict(ordered)
            self._sorted = True
        return list(itertools.islice(reversed(self._assets.values()), limit))

    def records(self) -> tuple[tuple[Package, ...], tuple[Pin, ...], tuple[Tombstone, ...]]:
        """What to make the same history of."""
        packages = tuple(each for known in self._packages.values() for each in known.values())
        removals: dict[str, tuple[str, list[str]]] = {}
        for asset_id, gone in self._gone.items():
            for version, removal_id in gone.items():
                removals.setdefault(removal_id, (asset_id, []))[1].append(version)
        tombstones = tuple(
            Tombstone(removal_id, asset_id, tuple(versions))
            for removal_id, (asset_id, versions) in removals.items()
        )
        return packages, tuple(self._pins.values()), tombstones

    def pin(self, asset_id: str) -> Pin | None:
        """The last pin of an asset."""
        return self._pins.get(asset_id)

    def told_of(self, asset_id: str) -> int:
        """How many versions of an asset were ever announced, and how many removed, together."""
        return len(self._packages.get(asset_id, {})) + len(self._gone.get(asset_id, {}))

    def versions(self, asset_id: str) -> list[tuple[Package, str | None]]:
        """All versions of an asset that were ever announced, the newest first, each with the
        removal that took it."""
        gone = self._gone.get(asset_id, {})
        known = self._packages.get(asset_id, {})
        return [
            (package, gone.get(version) or gone.get(_base(package)))
            for version, package in sorted(known.items(), reverse=True)
        ]


def _base(package: Package) -> str:
    return package.announcement.objects_of or package.announcement.version


def _is_gone(package: Package, gone: Mapping[str, str]) -> bool:
    return package.announcement.version in gone or _base(package) in gone
