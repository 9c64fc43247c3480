"""What a client's network carries, as far as players have told edges (CTA-5004). Pure.

What was told fades: it counts half as much after a half-life. So a network's estimate follows what
its players measure now, and forgets those who are gone. Times are seconds of one clock that never
goes back.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from common.messages import NetworkSeen, network_number
from control_plane.routing.clients import Address

HALF_LIFE: Final = 1800.0
"""Seconds: what a network carries changes within hours, as its neighbourhood comes home."""
EDGE_HALF_LIFE: Final = 120.0
"""The same of one edge's way to a network, which breaks within a minute."""
LEAST: Final = 5.0
"""Words that an estimate of a network must rest on: of fewer, one player is most."""
LEAST_OF_SYSTEM: Final = 50.0
"""Words that an estimate of an autonomous system must rest on."""
MOST_NETWORKS: Final = 100_000
"""Networks that are remembered, in about 100 MB; those that told least lately are forgotten first.
"""
MOST_SYSTEMS: Final = 100_000
"""The same of autonomous systems: more than the Internet has."""
MOST_EDGES: Final = 4
"""Edges whose ways to one network are remembered, the last that told of it."""
SYSTEM_FOR: Final = 3600.0
"""Seconds after which a network's autonomous system is to be looked up anew: databases change."""
MOST_AT_ONCE: Final = 1000.0
"""Words that one telling counts for at most."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What players in one network told lately."""

    throughput: float
    """Bits per second that they measured."""
    starving: float
    """Of what they told, the share that was of an empty buffer, 0 to 1."""
    weight: float
    """How many of their words it rests on; older ones count less."""


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    """All that is known of one network."""

    estimate: Estimate | None
    """None when it rests on too few words."""
    edges: tuple[tuple[str, Estimate], ...]
    """By edge, what its way to the network carries; without those of too few words."""
    buffer: int | None
    """The shortest buffer that was told last, in milliseconds."""


class Estimates:
    """What is known of all networks."""

    def __init__(self) -> None:
        # A plain dict would look for its first key through all that were taken out before it.
        self._networks: OrderedDict[int, _Network] = OrderedDict()
        self._systems: OrderedDict[int, _Fading] = OrderedDict()

    def __len__(self) -> int:
        return len(self._networks)

    def is_placed(self, number: int, now: float) -> bool:
        """Whether it is known to which autonomous system network ``number`` belongs."""
        network = self._networks.get(number)
        return network is not None and now - network.placed_at < SYSTEM_FOR

    def place(self, number: int, asn: int, now: float) -> None:
        """Learns that network ``number`` belongs to the autonomous system ``asn``, 0 for none; what
        is told of it from now on counts for that too."""
        network = _freshest(self._networks, number, _Network, MOST_NETWORKS)
        network.asn, network.placed_at = asn, now

    def add(self, edge_id: str, seen: NetworkSeen, now: float) -> None:
        """Takes what an edge tells of a network."""
        network = _freshest(self._networks, seen.network, _Network, MOST_NETWORKS)
        network.buffer = seen.buffer
        network.all.add(seen, now, HALF_LIFE)
        way = _freshest(network.edges, edge_id, _Fading, MOST_EDGES)
        way.add(seen, now, EDGE_HALF_LIFE)
        if network.asn:
            system = _freshest(self._systems, network.asn, _Fading, MOST_SYSTEMS)
            system.add(seen, now, HALF_LIFE)

    def of(self, address: Address, asn: int, now: float) -> Estimate | None:
        """What the network of ``address`` carries, or else its autonomous system; None when too
        little was told of both."""
        network = self._networks.get(network_number(address))
        if network is not None:
            estimate = network.all.estimate(now, HALF_LIFE, LEAST)
            if estimate is not None:
                return estimate
        system = self._systems.get(asn) if asn else None
        return system.estimate(now, HALF_LIFE, LEAST_OF_SYSTEM) if system is not None else None

    def from_edge(self, edge_id: str, address: Address, now: float) -> Estimate | None:
        """What the way from an edge to the network of ``address`` carried in the last minutes;
        None when too little was told."""
        network = self._networks.get(network_number(address))
        found = network.edges.get(edge_id) if network is not None else None
        return found.estimate(now, EDGE_HALF_LIFE, LEAST) if found is not None else None

    def known(self, address: Address, now: float) -> KnownNetwork | None:
        """All that is known of the network of ``address``; None when nothing is."""
        network = self._networks.get(network_number(address))
        if network is None:
            return None
        edges = (
            (edge_id, found.estimate(now, EDGE_HALF_LIFE, LEAST))
            for edge_id, found in sorted(network.edges.items())
        )
        return KnownNetwork(
            network.all.estimate(now, HALF_LIFE, LEAST),
            tuple((edge_id, estimate) for edge_id, estimate in edges if estimate is not None),
            network.buffer,
        )


class _Fading:
    """Words that fade; the sums are as of when the last was added."""

    __slots__ = ("at", "logarithms", "measured", "starving", "words")

    def __init__(self) -> None:
        self.at = -math.inf
        self.words = self.measured = self.starving = self.logarithms = 0.0

    def add(self, seen: NetworkSeen, now: float, half_life: float) -> None:
        kept = self._kept(now, half_life)
        self.at = max(self.at, now)
        # Of an edge that tells nonsense, too, neither share may leave its bounds.
        words = min(float(seen.words), MOST_AT_ONCE)
        part = words / max(seen.words, 1)
        measured = min(seen.measured, seen.words) * part if seen.throughput >= 1 else 0.0
        self.words = kept * self.words + words
        self.starving = kept * self.starving + min(seen.starving, seen.words) * part
        self.measured = kept * self.measured + measured
        self.logarithms = kept * self.logarithms
        if measured:
            self.logarithms += measured * math.log(seen.throughput)

    def _kept(self, now: float, half_life: float) -> float:
        return math.exp2((self.at - now) / half_life) if now > self.at else 1.0

    def estimate(self, now: float, half_life: float, least: float) -> Estimate | None:
        weight = self.measured
        # Most are asked for while they are new.
        if weight < least or (weight := weight * self._kept(now, half_life)) < least:
            return None
        return Estimate(
            math.exp(self.logarithms / self.measured), self.starving / self.words, weight
        )


class _Network:
    """What is known of one network."""

    __slots__ = ("all", "asn", "buffer", "edges", "placed_at")

    def __init__(self) -> None:
        self.asn = 0
        self.placed_at = -math.inf
        """When the autonomous system was looked up."""
        self.buffer: int | None = None
        self.all = _Fading()
        self.edges: dict[str, _Fading] = {}


def _freshest(known: dict[Key, Value], key: Key, make: Callable[[], Value], most: int) -> Value:
    """What ``known`` has under ``key``, or what ``make`` makes, as the last of no more than
    ``most``: the first is forgotten."""
    found = known.pop(key, None)
    if found is None:
        found = make()
        if len(known) >= most:
            del known[next(iter(known))]
    known[key] = found
    return found
