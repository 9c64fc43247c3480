"""The records of the catalog. Times are POSIX seconds by the control plane's own clock."""

from dataclasses import dataclass

import msgspec

from common.messages import Heartbeat, PackageAnnouncement


class Package(msgspec.Struct, frozen=True):
    """A version that was announced, and when."""

    announcement: PackageAnnouncement
    published_at: float


class Pin(msgspec.Struct, frozen=True):
    """An operator's word that viewers of an asset get a certain version."""

    asset_id: str
    version: str
    newest: str
    """The newest version that was known or expected then: one that is newer ends the pin."""
    by: str
    at: float
    number: int = 0
    """How many pins this asset had; the catalog counts."""


class Tombstone(msgspec.Struct, frozen=True):
    """What never comes back: the part of a removal that does not change."""

    removal_id: str
    asset_id: str
    versions: tuple[str, ...]


class Removal(msgspec.Struct, frozen=True):
    """Versions that are removed everywhere, and who has confirmed it."""

    removal_id: str
    asset_id: str
    versions: tuple[str, ...]
    by: str
    at: float
    deleted: int = 0
    """Objects that the origin has deleted so far."""
    emptied_at: float | None = None
    """When the origin found nothing left."""
    edges: dict[str, float] = msgspec.field(default_factory=dict)
    """When each edge confirmed it."""
    done_at: float | None = None

    @property
    def tombstone(self) -> Tombstone:
        """What of it does not change."""
        return Tombstone(self.removal_id, self.asset_id, self.versions)


class Counts(msgspec.Struct, frozen=True):
    """How much the catalog has; nothing is ever taken out of it, so counts tell a change."""

    packages: int
    pins: int
    """All that were ever set."""
    removals: int


@dataclass(frozen=True)
class EdgeRecord:
    """An edge as it last told of itself."""

    heartbeat: Heartbeat
    heard_at: float

    @property
    def edge_id(self) -> str:
        """The edge's name."""
        return self.heartbeat.edge_id

    @property
    def region(self) -> str:
        """The region it stands in."""
        return self.heartbeat.region
