"""Versions of assets, rolled back to and removed everywhere: requests, orders and proofs."""

from enum import StrEnum
from typing import Annotated

import msgspec

from common.messages.packages import Count, Identifier, ObjectKey


class RollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operator to control plane: viewers get this version from now on."""

    version: Identifier


class VersionView(msgspec.Struct, frozen=True):
    """One version of an asset."""

    version: str
    title: str
    announced_at: float
    bytes: int
    objects: int
    current: bool
    """Whether viewers get it."""
    removed: bool
    edges: int
    """Edges that hold it whole."""
    removal_id: str | None = None
    """The removal that took it."""
    objects_of: str | None = None
    """The version that has its objects, and with which it is removed, where that is another."""


class OrderedRemoval(msgspec.Struct, frozen=True):
    """What every edge forgets, and does not serve."""

    removal_id: Identifier
    prefixes: tuple[ObjectKey, ...]
    """What the keys of its objects begin with, each without the slash at its end."""


class OrderedRemovals(msgspec.Struct, frozen=True):
    """Control plane to edge: every removal that is not done everywhere."""

    revision: Count
    """Changes when they do; 0 for none."""
    removals: tuple[OrderedRemoval, ...]


class CarriedOut(msgspec.Struct, frozen=True):
    """Edge to control plane: nothing is left here of what these removals name."""

    edge_id: Identifier
    removal_ids: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=1000)]


class PrefixDeletion(msgspec.Struct, frozen=True):
    """Origin to control plane: how far deleting the objects under a prefix is."""

    prefix: str
    deleted: Count
    """Objects that this request deleted."""
    empty: bool
    """Whether a listing after that found nothing; otherwise the same is to be asked again."""


class RemovalState(StrEnum):
    """Where a removal stands. Viewers get nothing of it from the first moment on."""

    REMOVING = "removing"
    DONE = "done"
    """The origin and every edge have confirmed it."""


class EdgeRemovalState(StrEnum):
    """Where a removal stands on one edge."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    AWAY = "away"
    """Not heard of; it does it before it serves again."""


class EdgeRemoval(msgspec.Struct, frozen=True):
    """A removal on one edge."""

    edge_id: str
    state: EdgeRemovalState
    confirmed_at: float | None = None


class OriginRemoval(msgspec.Struct, frozen=True):
    """A removal at the origin."""

    deleted: int
    """Objects deleted so far."""
    confirmed_at: float | None
    """When a listing found nothing left."""
    trouble: str | None = None
    """Why it does not come on, in one sentence."""


class RemovalView(msgspec.Struct, frozen=True):
    """A removal, as its URL shows it."""

    removal_id: str
    asset_id: str
    versions: tuple[str, ...]
    state: RemovalState
    by: str
    """The name of the credential that asked for it."""
    created_at: float
    done_at: float | None
    origin: OriginRemoval
    edges: tuple[EdgeRemoval, ...]
    current: str | None
    """The version that viewers of the asset get now; None when none is left."""
