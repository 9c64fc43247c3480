"""What clients' networks carry: heard from edges, told to the other control planes, and asked by
whoever routes and steers.

It is kept in memory alone. After a restart, and without Redis to hear of other control planes'
edges, there is less to go by for a while, and routes are as good as without it.
"""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from common import logs
from common.clock import Clock
from common.messages import NetworkEdgeView, NetworkSeen, NetworkView, network_number, network_of
from common.messages.packages import Identifier
from control_plane.bus import Bus, Hint, HintKind
from control_plane.catalog import EdgeRecord
from control_plane.routing import Estimate
from control_plane.routing.clients import Address
from control_plane.routing.estimates import Estimates

_MOST: Final = 500
"""Networks in one telling, as in a heartbeat."""
MOST_LOOKED_UP: Final = 50
"""Autonomous systems that are looked up for one telling: viewers would wait for more. The other
networks get their turn with what is told next."""

_log = logs.get(__name__)


class _Told(msgspec.Struct, frozen=True, array_like=True):
    """What an edge told another control plane."""

    edge_id: Identifier
    networks: Annotated[tuple[NetworkSeen, ...], msgspec.Meta(max_length=_MOST)]


class Networks:
    """Knows what networks carry, as of now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._estimates = Estimates()
        self._tell: Callable[[Hint], None] = lambda _: None
        self.asn_of: Callable[[Address], int] = lambda _: 0
        """The autonomous system that an address belongs to; 0 when nobody knows."""

    def __len__(self) -> int:
        return len(self._estimates)

    def share(self, bus: Bus) -> None:
        """Tells other control planes what is heard here, and hears what they tell."""
        self._tell = bus.publish
        bus.subscribe(self._take)

    def heard(self, record: EdgeRecord) -> None:
        """Takes what an edge told this control plane."""
        networks = record.heartbeat.networks
        if networks:
            self._add(record.edge_id, networks)
            told = _Told(record.edge_id, networks)
            self._tell(Hint(HintKind.NETWORKS, msgspec.msgpack.encode(told)))

    def _take(self, hint: Hint) -> None:
        if hint.kind is not HintKind.NETWORKS:
            return
        try:
            told = msgspec.msgpack.decode(hint.body, type=_Told)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            _log.debug("networks of another release", reason=str(error))
            return
        self._add(told.edge_id, told.networks)

    def _add(self, edge_id: str, networks: tuple[NetworkSeen, ...]) -> None:
        now, left = self._clock.monotonic(), MOST_LOOKED_UP
        for seen in networks:
            if left and not self._estimates.is_placed(seen.network, now):
                left -= 1
                self._estimates.place(seen.network, self._system_of(seen.network), now)
            self._estimates.add(edge_id, seen, now)

    def _system_of(self, number: int) -> int:
        try:
            return self.asn_of(network_of(number).network_address)
        except ValueError:
            # It names no network: that is an edge's mistake, and nobody asks for it.
            return 0

    def of(self, address: Address, asn: int) -> Estimate | None:
        """What the network of ``address`` carries, or else its autonomous system ``asn``, 0 for
        none; None when too little was told of both."""
        return self._estimates.of(address, asn, self._clock.monotonic())

    def from_edge(self, edge_id: str, address: Address) -> Estimate | None:
        """What the way from an edge to the network of ``address`` carried in the last minutes;
        None when too little was told."""
        return self._estimates.from_edge(edge_id, address, self._clock.monotonic())

    def view(self, address: Address) -> NetworkView:
        """What is known of the network of ``address``, for operators."""
        now, asn = self._clock.monotonic(), self.asn_of(address)
        known = self._estimates.known(address, now)
        estimate = self._estimates.of(address, asn, now)
        rests_on = "asn" if estimate is not None else ""
        if known is not None and known.estimate is not None:
            rests_on = "network"
        return NetworkView(
            network=str(network_of(network_number(address))),
            asn=asn,
            rests_on=rests_on,
            throughput=estimate.throughput if estimate is not None else None,
            starving=estimate.starving if estimate is not None else None,
            weight=estimate.weight if estimate is not None else 0.0,
            buffer=known.buffer if known is not None else None,
            edges=tuple(
                NetworkEdgeView(edge_id, each.throughput, each.starving, each.weight)
                for edge_id, each in (known.edges if known is not None else ())
            ),
        )
