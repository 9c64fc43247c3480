"""Edges and the control plane: heartbeats, desired state and holdings."""

from typing import Annotated

import msgspec

from common.messages.networks import NetworkSeen
from common.messages.packages import Count, Identifier, ObjectKey, Sha256
from common.messages.purges import OrderedPurges
from common.messages.removals import OrderedRemovals

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]{1,512}\Z")]

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A part of a whole."""


class Watched(msgspec.Struct, frozen=True):
    """What viewers took of an asset from an edge since its heartbeat before."""

    asset_id: Identifier
    requests: Count
    bytes: Count


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
    draining: bool = False
    """Whether it lets its viewers go: it ends, or starts anew."""
    weight: Annotated[float, msgspec.Meta(ge=0.01, le=100)] = 1.0
    """Its share of placement and viewers beside others of the same capacity."""
    bandwidth: Count = 0
    """Bits per second that it can send; 0 when nobody has told it."""
    sending: Count = 0
    """Bits per second that it sent over the last seconds."""
    load: Share = 0.0
    """The part of its processors' time that it used over the last seconds."""
    errors: Count = 0
    """Answers of 500 to 599 since the start, by its own fault or its sources'."""
    disk_errors: Count = 0
    """Reads and writes of the cache that failed since the start."""
    purges: Count = 0
    """The number of the last purge that it has carried out; it has all before too."""
    watched: Annotated[tuple[Watched, ...], msgspec.Meta(max_length=1000)] = ()
    """The most watched assets."""
    networks: Annotated[tuple[NetworkSeen, ...], msgspec.Meta(max_length=500)] = ()
    """What players told of their networks, every few seconds; those that told most."""


class HeartbeatAnswer(msgspec.Struct, frozen=True):
    """Control plane to edge, in answer to a heartbeat."""

    desired_revision: Count
    """When it differs from the edge's, the edge asks for its desired state."""
    send_holdings: bool
    """True when the control plane does not know the edge's holdings at this revision."""
    removals_revision: Count = 0
    """When it differs from the edge's, the edge asks for the removals; 0 for none."""
    purges: Count = 0
    """The number of the last purge there is. When it differs from the edge's for longer than an
    answer takes, the edge's wait for orders has been lost on the way, and it asks anew."""


class DesiredPackage(msgspec.Struct, frozen=True):
    """A package that an edge should hold."""

    asset_id: Identifier
    version: Identifier
    manifest_key: ObjectKey
    manifest_sha256: Sha256
    bytes: Count
    urgent: bool = False
    """Whether it is filled at any time of the day, as what is new and what lost a copy is."""
    priority: Share = 0.0
    """The higher, the sooner it is filled: how much of its region's traffic is expected of it."""


class PackageName(msgspec.Struct, frozen=True, order=True):
    """A version of an asset."""

    asset_id: Identifier
    version: Identifier


class DesiredState(msgspec.Struct, frozen=True):
    """Control plane to edge: all that the edge should hold."""

    edge_id: Identifier
    revision: Count
    packages: tuple[DesiredPackage, ...]


class DesiredChange(msgspec.Struct, frozen=True):
    """Control plane to edge: what changed of what the edge should hold."""

    edge_id: Identifier
    since: Count
    """The revision that this changes: the one the edge asked with, or 0 when this is all that it
    should hold, whatever it held before."""
    revision: Count
    packages: tuple[DesiredPackage, ...]
    """To be held, those that it has to hold already included when they are told anew."""
    dropped: tuple[PackageName, ...] = ()
    """To be held no more; it may never have been told to hold them."""


class Neighbour(msgspec.Struct, frozen=True):
    """Another edge of the same region, from which an edge may fill."""

    edge_id: Identifier
    url: Url


class Neighbours(msgspec.Struct, frozen=True):
    """Control plane to edge: the other edges of its region that are up."""

    revision: Count
    """Changes when they do; 0 for none."""
    edges: tuple[Neighbour, ...]


class Orders(msgspec.Struct, frozen=True):
    """Control plane to edge: what is new since the edge last asked; None of what is not.

    An edge asks with what it knows, ``GET /v1/edges/{edge_id}/orders?desired=&removals=&purges=&
    neighbours=&wait=``, and the answer comes as soon as something is new, or empty after ``wait``
    seconds. Asking with a number is the proof that everything up to it has been carried out.
    """

    desired: DesiredChange | None = None
    removals: OrderedRemovals | None = None
    purges: OrderedPurges | None = None
    neighbours: Neighbours | None = None


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


class HoldingsChange(msgspec.Struct, frozen=True):
    """Edge to control plane: what changed of the packages that it holds."""

    edge_id: Identifier
    since: str
    """The revision of the holdings that this changes; refused when the control plane knows
    another, and then told whole."""
    revision: str
    packages: tuple[HeldPackage, ...]
    """In their new state."""
    dropped: tuple[PackageName, ...] = ()
