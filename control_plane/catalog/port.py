"""The port behind which the catalog lives."""

from collections.abc import Collection
from typing import Protocol

from common.errors import NearcastError
from common.messages import Heartbeat, Holdings, PackageAnnouncement
from control_plane.catalog.records import EdgeRecord, Package


class PackageConflict(NearcastError):
    """Version {version} of asset {asset_id} was announced before, with another manifest."""

    status = 409


class Catalog(Protocol):
    """Packages and edges.

    Every method raises ``Unavailable`` when the database does not answer.
    """

    async def publish(self, announcement: PackageAnnouncement, now: float) -> Package:
        """Remembers a package; durable when this returns. The same again changes nothing.

        Raises:
            PackageConflict: the version is known with another manifest.
            StorageFull: no space is left.
        """
        ...

    async def packages(self) -> tuple[Package, ...]:
        """Every package, in no order."""
        ...

    async def package_count(self) -> int:
        """How many packages there are. Packages are only ever added, so a count tells a change."""
        ...

    async def record_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """Remembers how an edge is; its holdings stay."""
        ...

    async def record_holdings(self, holdings: Holdings) -> None:
        """Remembers what an edge holds, in place of what it held before."""
        ...

    async def edges(self) -> tuple[EdgeRecord, ...]:
        """Every edge that was ever heard of, in no order, without its holdings."""
        ...

    async def holdings(self, edge_ids: Collection[str]) -> tuple[Holdings, ...]:
        """What those of ``edge_ids`` hold that have told it, in no order."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...
