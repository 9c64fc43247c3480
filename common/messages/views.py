"""What the control plane shows of its catalog and fleet to operators and tools."""

from enum import StrEnum

import msgspec

from common.messages.standing import StandingView


class AssetState(StrEnum):
    """Where an asset stands between its publish and its viewers."""

    PUBLISHED = "published"
    """Known and whole in the origin; no edge holds it yet."""
    FILLING = "filling"
    """Some of the edges that placement asks for hold it."""
    PLACED = "placed"
    """Every edge that placement asks for holds it."""


class EdgeState(StrEnum):
    """An edge's health, as routing sees it."""

    UP = "up"
    STARTING = "starting"
    """Alive, but not trusted with viewers yet: it starts, or has come back a moment ago."""
    DEGRADED = "degraded"
    """It takes a smaller share of viewers: it fails, or has more to do than it can."""
    DRAINING = "draining"
    """It lets its viewers go, of itself or because an operator has ordered it."""
    MAINTENANCE = "maintenance"
    """An operator works on it: it may be silent, and nobody is alarmed."""
    DOWN = "down"
    """Silent, or out of the reach of every control plane."""


class RegionCopies(msgspec.Struct, frozen=True):
    """How far one region's copies of a version are."""

    region: str
    wanted: int
    """Edges that placement asks to hold it."""
    held: int
    """Of those, edges that hold it whole."""
    bytes_wanted: int
    bytes_held: int
    """Over all edges of the region that placement asks, so that a fill's progress can be shown."""


class AssetView(msgspec.Struct, frozen=True):
    """An asset with its current version."""

    asset_id: str
    version: str
    title: str
    state: AssetState
    duration: float
    """Seconds."""
    bytes: int
    renditions: tuple[str, ...]
    copies: tuple[RegionCopies, ...]
    created_at: float
    published_at: float
    description: str = ""
    tags: tuple[str, ...] = ()
    creator: str | None = None
    """Whose it is; None when nobody has told."""
    poster: str | None = None
    """The key of its picture, or None."""
    plays: int = 0
    """About how many viewers were sent to an edge for it."""
    edited_at: float | None = None
    """When somebody last edited its title, description or tags."""


class EdgeView(msgspec.Struct, frozen=True):
    """An edge, as the control plane knows it."""

    edge_id: str
    region: str
    url: str
    state: EdgeState
    heard_at: float
    """When its last heartbeat came, POSIX seconds."""
    packages_held: int
    """Packages it holds whole."""
    capacity_bytes: int
    used_bytes: int
    requests: int
    hits: int
    bytes_sent: int
    fill_pending: int
    share: float = 1.0
    """Of the viewers that it would get at its best, 0 to 1: how many it gets."""
    reason: str = ""
    """Why it is in this state, for people; empty for an edge that is up and well."""
    fill_bytes_pending: int = 0
    load: float = 0.0
    """The part of its processors' time that it uses."""
    sending: int = 0
    """Bits per second."""
    bandwidth: int = 0
    """Bits per second that it can send; 0 when nobody has told it."""
    purges: int = 0
    """The number of the last purge that it has carried out."""
    standing: StandingView | None = None
    """What was last ordered of it; None for nothing ever."""


class RankedEdge(msgspec.Struct, frozen=True):
    """One line of a route: an edge and why it stands where it does."""

    rank: int
    """1 is the best."""
    edge_id: str
    region: str
    url: str
    """The multivariant playlist on this edge."""
    reason: str


class RouteView(msgspec.Struct, frozen=True):
    """The answer of ``/play/{asset_id}.json``: the ranked edges for one client."""

    asset_id: str
    version: str
    client: str
    """The client's address, as the control plane sees it."""
    location: str
    """Where that is, in words."""
    edges: tuple[RankedEdge, ...]
    poster: str | None = None
    """The asset's picture on the best edge; None when it has none."""
    preview: str | None = None
    """Its moving picture there, or None."""
    storyboard: str | None = None
    """WebVTT there that names a small picture for each stretch of it, or None."""
    profile: str = "main"
    """Which of the version's multivariant playlists this client gets."""
    decided_by: str = ""
    """Why it is that one."""


class ExplainedStep(msgspec.Struct, frozen=True):
    """One step of a decision."""

    step: str
    told: str
    """What was found, in a sentence or two."""


class ExplanationView(msgspec.Struct, frozen=True):
    """The answer of ``/v1/explain``: where a client would be sent, and step by step why."""

    asset_id: str
    version: str
    client: str
    """The client's address."""
    profile: str
    """Which of the version's multivariant playlists it gets."""
    steps: tuple[ExplainedStep, ...]
    edges: tuple[RankedEdge, ...]
    """Best first."""
