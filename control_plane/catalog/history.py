"""What announcements, rollbacks and removals come to: the versions there are, and the current one.

Whatever comes in whichever order, as often as it comes, the same is made of it. Names of versions
sort by the time they were made.

- The current version is the newest.
- A rollback pins another, until a version is announced that is newer than all that were known then.
- What was removed never comes back, however often it is announced; what had its objects goes too.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class History:
    """All that was ever announced, pinned and removed."""

    packages: Mapping[tuple[str, str], Package] = field(default_factory=dict)
    """By asset and version."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """The last of each asset."""
    tombstones: Mapping[str, Tombstone] = field(default_factory=dict)
    """By removal."""

    @classmethod
    def of(
        cls,
        packages: Iterable[Package] = (),
        pins: Iterable[Pin] = (),
        tombstones: Iterable[Tombstone] = (),
    ) -> "History":
        """The history that consists of these."""
        return cls(
            {(each.announcement.asset_id, each.announcement.version): each for each in packages},
            {pin.asset_id: pin for pin in pins},
            {each.removal_id: each for each in tombstones},
        )

    @property
    def counts(self) -> Counts:
        """How much it is."""
        pins = sum(pin.number for pin in self.pins.values())
        return Counts(len(self.packages), pins, len(self.tombstones))

    def joined(self, other: "History") -> "History":
        """What this and the other know together."""
        pins = dict(self.pins)
        for asset_id, pin in other.pins.items():
            if asset_id not in pins or pins[asset_id].number < pin.number:
                pins[asset_id] = pin
        return History(
            {**self.packages, **other.packages}, pins, {**self.tombstones, **other.tombstones}
        )

    def gone(self) -> dict[str, dict[str, str]]:
        """By asset, the versions that were removed, and by which removal; in no order of time."""
        gone: dict[str, dict[str, str]] = defaultdict(dict)
        for tombstone in self.tombstones.values():
            for version in tombstone.versions:
                gone[tombstone.asset_id][version] = tombstone.removal_id
        return gone

    def assets(self) -> dict[str, Asset]:
        """The assets that have a version left."""
        gone = self.gone()
        nothing: dict[str, str] = {}
        left = (
            package
            for (asset_id, _), package in sorted(self.packages.items(), key=lambda item: item[0])
            if not _is_gone(package, gone.get(asset_id, nothing))
        )
        grouped = itertools.groupby(left, key=lambda package: package.announcement.asset_id)
        return {asset_id: self._asset(asset_id, tuple(packages)) for asset_id, packages in grouped}

    def versions(self, asset_id: str) -> list[tuple[Package, str | None]]:
        """All versions of an asset that were ever announced, the newest first, each with the
        removal that took it."""
        gone = self.gone().get(asset_id, {})
        known = (package for (asset, _), package in self.packages.items() if asset == asset_id)
        return [
            (package, gone.get(package.announcement.version) or gone.get(_base(package)))
            for package in sorted(known, key=lambda each: each.announcement.version, reverse=True)
        ]

    def _asset(self, asset_id: str, packages: tuple[Package, ...]) -> Asset:
        asset = Asset(asset_id, packages)
        pin = self.pins.get(asset_id)
        if pin is None or packages[-1].announcement.version > pin.newest:
            return asset
        return msgspec.structs.replace(asset, pinned=asset.package(pin.version))


def _base(package: Package) -> str:
    return package.announcement.objects_of or package.announcement.version


def _is_gone(package: Package, gone: Mapping[str, str]) -> bool:
    return package.announcement.version in gone or _base(package) in gone
