"""Edges and the control plane: heartbeats, desired state and holdings."""

from typing import Annotated

import msgspec

from common.messages.packages import Count, Identifier, ObjectKey, Sha256

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]{1,512}\Z")]


class Heartbeat(msgspec.Struct, frozen=True):
    """Edge to control plane, every second: I live, and this is how I am."""

    edge_id: Identifier
    region: Identifier
    url: Url
    """Where viewers reach the edge."""
    started_at: float
    sequence: Count
    """Rises by one per heartbeat since ``started_at``."""
    ready: bool
    """False while the edge starts or drains."""
    desired_revision: Count
    """The desired state the edge works on; 0 before the first."""
    holdings_revision: str
    """Names the content of the edge's holdings; changes whenever they do."""
    capacity_bytes: Count
    used_bytes: Count
    requests: Count
    """Requests answered since the start."""
    hits: Count
    """Of those, answered from the cache."""
    bytes_sent: Count
    fill_pending: Count
    """Objects still to be filled."""
    fill_bytes_pending: Count
    active_connections: Count


class HeartbeatAnswer(msgspec.Struct, frozen=True):
    """Control plane to edge, in answer to a heartbeat."""

    desired_revision: Count
    """When it differs from the edge's, the edge asks for its desired state."""
    send_holdings: bool
    """True when the control plane does not know the edge's holdings at this revision."""
    removals_revision: Count = 0
    """When it differs from the edge's, the edge asks for the removals; 0 for none."""


class DesiredPackage(msgspec.Struct, frozen=True):
    """A package that an edge should hold."""

    asset_id: Identifier
    version: Identifier
    manifest_key: ObjectKey
    manifest_sha256: Sha256
    bytes: Count


class DesiredState(msgspec.Struct, frozen=True):
    """Control plane to edge: all that the edge should hold."""

    edge_id: Identifier
    revision: Count
    packages: tuple[DesiredPackage, ...]


class HeldPackage(msgspec.Struct, frozen=True):
    """How much of a package an edge holds, verified."""

    asset_id: Identifier
    version: Identifier
    objects_held: Count
    objects_total: Count
    bytes_held: Count
    bytes_total: Count

    @property
    def complete(self) -> bool:
        """Whether every object is held."""
        return self.objects_total > 0 and self.objects_held == self.objects_total


class Holdings(msgspec.Struct, frozen=True):
    """Edge to control plane: the packages that the edge holds, in part or whole."""

    edge_id: Identifier
    revision: str
    packages: tuple[HeldPackage, ...]
