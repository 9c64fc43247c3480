"""The edges that take viewers, by region, and what each is sent meanwhile. Pure."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from xxhash import xxh3_64_intdigest

from control_plane.routing.load import BEGINS, REGION_BEGINS, Sent, accepted, open_part
from control_plane.routing.rank import EdgeFacts, Turn

KEPT: Final = 12
"""Edges that do not hold an asset whose order for it is remembered; the others are ordered when all
of these have refused."""
ORDERS: Final = 16384
"""Assets whose orders a region remembers; about 5 MB."""
USUAL_BANDWIDTH: Final = 1e9
"""Bits per second of an edge of whose bandwidth nobody knows, where no other edge tells."""


def draw(key: bytes, seed: int) -> float:
    """A number above 0 and below 1 that ``key`` draws at the edge or region with this seed: the
    same in every process and release (XXH3)."""
    return (xxh3_64_intdigest(key, seed) + 0.5) / 2**64


def seed_of(name: str) -> int:
    """What makes the draws of one edge or region others than those of the next."""
    return xxh3_64_intdigest(name.encode())


@dataclass(slots=True, eq=False)
class Candidate:
    """An edge that takes viewers, as it is now."""

    edge_id: str
    region: str
    url: str
    share: float
    """Of the viewers that it would get at its best: how many its health lets it have."""
    load: float
    """As ``EdgeFacts`` has it."""
    bandwidth: float
    """Bits per second that it can send; 0 when nobody knows."""
    weight: float
    """Its share of viewers beside others of the same bandwidth, as its heartbeat has it."""
    seed: int = 0
    capacity: float = 1.0
    """Its part of what its region can do; the region sees to that."""

    def __post_init__(self) -> None:
        self.seed = seed_of(self.edge_id)

    def facts(self, *, holds: bool, turn: Turn = Turn.TAKES) -> EdgeFacts:
        """What is told of it."""
        return EdgeFacts(
            self.edge_id,
            self.region,
            self.url,
            holds,
            self.share,
            self.load,
            turn,
            self.capacity,
        )


@dataclass(slots=True)
class _Order:
    """The order of a region's edges for one asset."""

    holders: tuple[str, ...]
    """Those of which it was made, in any region."""
    hold: tuple[Candidate, ...]
    """Those that hold it."""
    fetch: tuple[Candidate, ...] | None = None
    """The first ``KEPT`` of the others, once somebody has asked for them."""


@dataclass(slots=True, eq=False)
class ServingRegion:
    """The edges of a region that take viewers."""

    name: str
    edges: tuple[Candidate, ...]
    seed: int = 0
    capacity: float = 0.0
    """The sum of its edges'."""
    carried: float = 0.0
    """The sum of their loads, each times its capacity."""
    _orders: dict[str, _Order] = field(default_factory=dict)
    _named: dict[str, Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seed = seed_of(f"region {self.name}")
        self._named = {edge.edge_id: edge for edge in self.edges}
        self.weigh()

    def weigh(self) -> None:
        """Sees how much its edges can do and carry: to be called when they are others than before,
        not when they only carry more."""
        known = [edge.bandwidth for edge in self.edges if edge.bandwidth > 0]
        usual = sum(known) / len(known) if known else USUAL_BANDWIDTH
        for edge in self.edges:
            edge.capacity = (edge.bandwidth or usual) * edge.weight
        self.capacity = sum(edge.capacity for edge in self.edges)
        self.total()
        self._orders.clear()

    def total(self) -> None:
        """Sees how much its edges carry."""
        self.carried = sum(edge.load * edge.capacity for edge in self.edges)

    def send(self, edge: Candidate, rate: float) -> None:
        """One more viewer goes to an edge, which will have to send ``rate`` more bits per
        second."""
        if edge.bandwidth > 0:
            more = rate / edge.bandwidth
            edge.load += more
            self.carried += more * edge.capacity

    @property
    def load(self) -> float:
        """The average of its edges."""
        return self.carried / self.capacity if self.capacity else 1.0

    def others(self, edge: Candidate) -> float | None:
        """The average load of all but one; None for no others."""
        left = self.capacity - edge.capacity
        if len(self.edges) == 1 or left <= 0:
            return None
        return max(0.0, self.carried - edge.load * edge.capacity) / left

    def keeps(self, viewer: bytes) -> bool:
        """Whether it is not too full for a viewer."""
        load = self.load
        return load <= REGION_BEGINS or draw(viewer, self.seed) < open_part(load)

    def takes(self, edge: Candidate, viewer: bytes) -> bool:
        """Whether ``edge`` takes a viewer."""
        if edge.load <= BEGINS and edge.share >= 1:
            return True
        return draw(viewer, edge.seed) < edge.share * accepted(edge.load, self.others(edge))

    def turn(self, edge: Candidate, viewer: bytes) -> Turn:
        """Whether ``edge`` takes a viewer, or why not."""
        if not self.keeps(viewer):
            return Turn.FULL
        return Turn.TAKES if self.takes(edge, viewer) else Turn.LEAVES

    def holding(self, asset: str, holders: tuple[str, ...]) -> tuple[Candidate, ...]:
        """Its edges among ``holders``, those that hold an asset, in their order for it."""
        return self._order(asset, holders).hold

    def fetching(self, asset: str, holders: tuple[str, ...]) -> Iterator[Candidate]:
        """Its other edges, in their order."""
        order = self._order(asset, holders)
        if order.fetch is None:
            order.fetch = tuple(heapq.nsmallest(KEPT, self._others(order), self._place(asset)))
        yield from order.fetch
        if len(order.hold) + len(order.fetch) < len(self.edges):
            yield from sorted(self._others(order), key=self._place(asset))[KEPT:]

    def _order(self, asset: str, holders: tuple[str, ...]) -> _Order:
        known = self._orders.get(asset)
        if known is not None and (known.holders is holders or known.holders == holders):
            return known
        if len(self._orders) >= ORDERS:
            del self._orders[next(iter(self._orders))]
        named = self._named
        here = [named[edge_id] for edge_id in holders if edge_id in named]
        made = _Order(holders, tuple(sorted(here, key=self._place(asset))))
        self._orders[asset] = made
        return made

    def _others(self, order: _Order) -> list[Candidate]:
        among = frozenset(order.holders)
        return [edge for edge in self.edges if edge.edge_id not in among]

    def _place(self, asset: str) -> Callable[[Candidate], tuple[float, str]]:
        """What edges are ordered by for an asset, the least first.

        Who draws u with weight w stands at -ln(u) / w: each comes first as often as its weight says
        (Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005).
        """
        key, log = asset.encode(), math.log
        return lambda edge: (-log(draw(key, edge.seed)) / edge.capacity, edge.edge_id)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of an edge that takes viewers; the fields are those of ``Candidate``."""

    edge_id: str
    region: str
    url: str
    share: float = 1.0
    load: float = 0.0
    bandwidth: float = 0.0
    weight: float = 1.0


class Serving:
    """All edges that take viewers."""

    def __init__(self) -> None:
        self._regions: dict[str, ServingRegion] = {}
        self._edges: dict[str, Candidate] = {}
        self._sent = Sent()

    @property
    def regions(self) -> Mapping[str, ServingRegion]:
        """Those that have such an edge."""
        return self._regions

    def edge(self, edge_id: str) -> Candidate | None:
        """The edge ``edge_id``, if it takes viewers."""
        return self._edges.get(edge_id)

    def in_order(self, names: Sequence[str]) -> list[ServingRegion]:
        """Of the regions called ``names`` those that have such an edge."""
        found = self._regions
        return [found[name] for name in names if name in found]

    def update(self, told: Iterable[Told], now: float) -> None:
        """These are the edges now, and no others.

        Args:
            told: what each is, by its heartbeat.
            now: seconds on a monotonic clock.
        """
        regions: dict[str, list[Candidate]] = {}
        others = set[str]()
        edges: dict[str, Candidate] = {}
        for one in told:
            edge, changed = self._updated(one, now)
            edges[one.edge_id] = edge
            regions.setdefault(one.region, []).append(edge)
            if changed:
                others.add(one.region)
        self._edges = edges
        self._regions = {
            name: self._region(name, tuple(members), weigh=name in others)
            for name, members in regions.items()
        }

    def _updated(self, told: Told, now: float) -> tuple[Candidate, bool]:
        """An edge as it is now, and whether it counts otherwise than before."""
        more = self._sent.to(told.edge_id, now) / told.bandwidth if told.bandwidth > 0 else 0.0
        edge = self._edges.get(told.edge_id)
        if edge is None or edge.region != told.region:
            fresh = Candidate(
                told.edge_id,
                told.region,
                told.url,
                told.share,
                told.load + more,
                told.bandwidth,
                told.weight,
            )
            return fresh, True
        changed = edge.bandwidth != told.bandwidth or edge.weight != told.weight
        edge.url, edge.share, edge.load = told.url, told.share, told.load + more
        edge.bandwidth, edge.weight = told.bandwidth, told.weight
        return edge, changed

    def _region(self, name: str, edges: tuple[Candidate, ...], *, weigh: bool) -> ServingRegion:
        known = self._regions.get(name)
        if known is None or known.edges != edges:
            return ServingRegion(name, edges)
        if weigh:
            known.weigh()
        known.total()
        return known

    def send(self, edge_id: str, rate: float, now: float) -> None:
        """One more viewer was sent to an edge.

        Args:
            edge_id: which.
            rate: bits per second that this takes of it, as far as can be expected.
            now: seconds on the clock of ``update``.
        """
        edge = self._edges.get(edge_id)
        if edge is not None and edge.bandwidth > 0:
            self._sent.add(edge_id, rate, now)
            self._regions[edge.region].send(edge, rate)
