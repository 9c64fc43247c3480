"""The records of the catalog. Times are POSIX seconds by the control plane's own clock."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import msgspec

from common.messages import Heartbeat, HeldPackage, Holdings, PackageAnnouncement


class Package(msgspec.Struct, frozen=True):
    """A version that was announced, and when."""

    announcement: PackageAnnouncement
    published_at: float


class Asset(msgspec.Struct, frozen=True):
    """All versions of one video."""

    asset_id: str
    packages: tuple[Package, ...]
    """Oldest version first. Names of versions sort by the time they were made, so one that is
    announced late does not take the place of a newer one."""

    @property
    def current(self) -> Package:
        """The version that viewers get."""
        return self.packages[-1]


@dataclass(frozen=True)
class EdgeRecord:
    """An edge as it last told of itself."""

    heartbeat: Heartbeat
    heard_at: float
    holdings: Holdings | None = None
    """None until it has told them."""

    @property
    def edge_id(self) -> str:
        """The edge's name."""
        return self.heartbeat.edge_id

    @property
    def region(self) -> str:
        """The region it stands in."""
        return self.heartbeat.region

    @cached_property
    def _held(self) -> dict[tuple[str, str], HeldPackage]:
        packages = self.holdings.packages if self.holdings else ()
        return {(package.asset_id, package.version): package for package in packages}

    def held(self, asset_id: str, version: str) -> HeldPackage | None:
        """How much of a version it holds; None for nothing."""
        return self._held.get((asset_id, version))

    def holds(self, asset_id: str, version: str) -> bool:
        """Whether it holds the whole version."""
        package = self.held(asset_id, version)
        return package is not None and package.complete


def group_by_asset(packages: Iterable[Package]) -> dict[str, Asset]:
    """The assets that ``packages`` are of, by name; a package that is named twice counts once."""
    distinct = {
        (package.announcement.asset_id, package.announcement.version): package
        for package in packages
    }
    ordered = [distinct[name] for name in sorted(distinct)]
    return {
        asset_id: Asset(asset_id, tuple(versions))
        for asset_id, versions in itertools.groupby(
            ordered, key=lambda package: package.announcement.asset_id
        )
    }
