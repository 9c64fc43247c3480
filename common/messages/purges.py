"""Purges for a whole fleet: what is asked for, what edges are told, and how far each one is."""

from enum import StrEnum
from typing import Annotated

import msgspec

from common.messages.packages import Count, Identifier

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class PurgeScope(StrEnum):
    """What a purge names; the values are those of an edge's own purges."""

    URL = "url"
    PREFIX = "prefix"
    TAG = "tag"
    EVERYTHING = "everything"


class PurgeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operator to control plane: what to purge on every edge; exactly one of asset, url, prefix,
    surrogate key and everything."""

    asset_id: Identifier | None = None
    version: Identifier | None = None
    """Only this version of ``asset_id``."""
    url: Text | None = None
    """One object, by its URL on any edge or by its path."""
    prefix: Text | None = None
    """All objects whose paths begin so."""
    surrogate_key: Text | None = None
    """All objects that carry it in Surrogate-Key."""
    everything: bool = False
    soft: bool = False
    """Whether edges ask anew whether what they hold is still good, instead of forgetting it."""


class OrderedPurge(msgspec.Struct, frozen=True):
    """A purge as the log has it and edges carry it out, in the order of their numbers."""

    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    """1 for the first ever, without gaps."""
    purge_id: Identifier
    scope: PurgeScope
    value: Annotated[str, msgspec.Meta(max_length=2048)]
    """A path without its leading slash, the beginning of one, a surrogate key, or nothing."""
    soft: bool
    at: float


class OrderedPurges(msgspec.Struct, frozen=True):
    """Control plane to edge: the purges that follow one another in the log."""

    since: Count
    """The number before the first of them."""
    head: Count
    """The number of the last purge there is, which may follow in the next answer."""
    purges: tuple[OrderedPurge, ...]
    lost: bool = False
    """Whether the log does not reach back to what the edge asked with: it has everything that it
    holds validated before it serves it."""


class PurgeState(StrEnum):
    """Where a purge stands."""

    PURGING = "purging"
    DONE = "done"
    """Every edge that is not away has carried it out."""


class EdgePurgeState(StrEnum):
    """Where a purge stands on one edge."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    AWAY = "away"
    """Not heard of; it does it before it takes viewers again."""


class EdgePurge(msgspec.Struct, frozen=True):
    """A purge on one edge."""

    edge_id: str
    state: EdgePurgeState
    confirmed_at: float | None = None
    """None also for a purge that is long ago."""


class PurgeView(msgspec.Struct, frozen=True):
    """A purge, as its URL shows it."""

    purge_id: str
    sequence: int
    scope: PurgeScope
    value: str
    soft: bool
    state: PurgeState
    by: str
    """The name of the credential that asked for it."""
    created_at: float
    edges: tuple[EdgePurge, ...]
