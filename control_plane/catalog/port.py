"""The port behind which the catalog lives."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from common.errors import NearcastError
from common.messages import Heartbeat, Holdings, PackageAnnouncement
from control_plane.catalog.records import (
    Counts,
    EdgeRecord,
    Package,
    Pin,
    Removal,
    Tombstone,
)


class PackageConflict(NearcastError):
    """Version {version} of asset {asset_id} was announced before, with another manifest."""

    status = 409


class Catalog(Protocol):
    """Packages, what operators did to them, and edges.

    Every method raises ``Unavailable`` when the database does not answer.
    """

    async def publish(self, announcement: PackageAnnouncement, now: float) -> Package:
        """Remembers a package; durable when this returns. The same again changes nothing.

        Raises:
            PackageConflict: the version is known with another manifest.
            StorageFull: no space is left.
        """
        ...

    def packages(self, *, since: float = 0.0) -> AsyncIterator[Sequence[Package]]:
        """Every package that was published at ``since`` or later, in no order and in portions, each
        a few milliseconds' work: of a million, those that are known already need no room."""
        ...

    async def package(self, asset_id: str, version: str) -> Package | None:
        """The package of a version; None when it was never announced."""
        ...

    async def counts(self) -> Counts:
        """About how many packages, pins and removals there are: another number tells that there
        are new ones. A package stays when it is removed, so that it never comes back."""
        ...

    async def pin(self, pin: Pin) -> Pin:
        """Remembers ``pin`` in place of the asset's last, with the next number; durable when this
        returns."""
        ...

    async def pins(self) -> tuple[Pin, ...]:
        """The last pin of each asset, in no order."""
        ...

    async def add_removal(self, removal: Removal) -> None:
        """Remembers a removal; durable when this returns. The same again changes nothing."""
        ...

    async def tombstones(self) -> tuple[Tombstone, ...]:
        """Every removal, in no order, without how far it is."""
        ...

    async def open_removals(self) -> tuple[Removal, ...]:
        """Those that are not done, the oldest first."""
        ...

    async def removals(self, *, limit: int) -> tuple[Removal, ...]:
        """The newest ``limit`` removals, the newest first."""
        ...

    async def removal(self, removal_id: str) -> Removal | None:
        """A removal; None when there is none of that name."""
        ...

    async def removal_of(self, asset_id: str, versions: Collection[str]) -> Removal | None:
        """The newest removal that names one of ``versions`` of the asset."""
        ...

    async def confirm_edge(self, removal_id: str, edge_id: str, now: float) -> None:
        """Remembers that an edge has nothing left of a removal, durable when this returns; the
        first time counts."""
        ...

    async def confirm_origin(self, removal_id: str, deleted: int, emptied_at: float | None) -> None:
        """Remembers that the origin has deleted so many objects more, and when it was empty."""
        ...

    async def finish_removal(self, removal_id: str, now: float) -> None:
        """Remembers that a removal is done; the first time counts."""
        ...

    async def record_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """Remembers how an edge is; its holdings stay."""
        ...

    async def record_holdings(self, holdings: Holdings) -> None:
        """Remembers what an edge holds, in place of what it held before."""
        ...

    async def edges(self) -> tuple[EdgeRecord, ...]:
        """Every edge that was ever heard of, in no order."""
        ...

    async def holdings(self, known: Mapping[str, str | None]) -> tuple[Holdings, ...]:
        """What the edges in ``known`` hold that have told it, in no order; of those of which the
        revision in it is the one that is kept, nothing. It is decoded beside the event loop."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...
