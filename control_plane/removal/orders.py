"""What edges are told of removals, and what removals wait for. Pure."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from common.messages import (
    EdgeRemoval,
    EdgeRemovalState,
    EdgeState,
    OrderedRemoval,
    OrderedRemovals,
    OriginRemoval,
    RemovalState,
    RemovalView,
)
from common.messages.packages import version_prefix
from control_plane.catalog.records import Removal


def ordered(removals: Iterable[Removal]) -> OrderedRemovals:
    """The order to forget what ``removals`` name. Its revision is made from its content."""
    told = tuple(
        OrderedRemoval(removal.removal_id, tuple(prefixes(removal))) for removal in removals
    )
    names = ",".join(sorted(each.removal_id for each in told))
    # 52 bits, which every JSON reader keeps exact.
    revision = int.from_bytes(sha256(names.encode()).digest()[:7]) >> 4 | 1 if told else 0
    return OrderedRemovals(revision, told)


def prefixes(removal: Removal) -> Iterable[str]:
    """What the keys of its objects begin with, each without the slash at its end."""
    return (
        version_prefix(removal.asset_id, version).removesuffix("/") for version in removal.versions
    )


def is_done(removal: Removal, edges: Iterable[str]) -> bool:
    """Whether the origin and each of ``edges``, all that were ever heard of, have confirmed it."""
    return removal.emptied_at is not None and all(edge in removal.edges for edge in edges)


def view_of(
    removal: Removal,
    edges: Mapping[str, EdgeState],
    *,
    current: str | None,
    trouble: str | None,
) -> RemovalView:
    """A removal as people see it.

    Args:
        removal: it.
        edges: the health of each edge that was ever heard of.
        current: the version that viewers of its asset get now.
        trouble: why the origin does not come on with it.
    """
    done = removal.done_at is not None
    names = sorted(removal.edges if done else {*edges, *removal.edges})
    return RemovalView(
        removal_id=removal.removal_id,
        asset_id=removal.asset_id,
        versions=removal.versions,
        state=RemovalState.DONE if done else RemovalState.REMOVING,
        by=removal.by,
        created_at=removal.at,
        done_at=removal.done_at,
        origin=OriginRemoval(
            removal.deleted, removal.emptied_at, trouble if removal.emptied_at is None else None
        ),
        edges=tuple(_edge(removal, name, edges.get(name)) for name in names),
        current=current,
    )


def _edge(removal: Removal, edge_id: str, health: EdgeState | None) -> EdgeRemoval:
    confirmed_at = removal.edges.get(edge_id)
    if confirmed_at is not None:
        return EdgeRemoval(edge_id, EdgeRemovalState.CONFIRMED, confirmed_at)
    # One that an operator works on may well be off.
    away = health in {EdgeState.DOWN, EdgeState.MAINTENANCE}
    return EdgeRemoval(edge_id, EdgeRemovalState.AWAY if away else EdgeRemovalState.PENDING)
