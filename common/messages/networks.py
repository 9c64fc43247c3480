"""Networks of clients: what an edge tells of each, and the numbers that name them.

A network is a /24 of IPv4 or a /48 of IPv6: what a provider hands to one site or neighbourhood.
Its number is its prefix, with a bit above it for IPv6.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Final

import msgspec

from common.messages.packages import Count

_IPV6: Final = 1 << 48

NetworkNumber = Annotated[int, msgspec.Meta(ge=0, le=2 * _IPV6 - 1)]


class NetworkSeen(msgspec.Struct, frozen=True, array_like=True):
    """What players in one network told an edge with their requests (CTA-5004), since the edge told
    of that network before. Of many requests, it is a sample of them."""

    network: NetworkNumber
    words: Count
    """Requests that told anything."""
    measured: Count
    """Of those, how many told a throughput."""
    throughput: Annotated[float, msgspec.Meta(ge=0, le=1e10)]
    """Bits per second, the geometric mean of what was measured; 0 when nothing was."""
    starving: Count
    """How many told that the buffer had run dry."""
    buffer: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    """The shortest buffer in milliseconds, but for those that were just being filled; None when
    nobody told."""


def network_number(address: IPv4Address | IPv6Address) -> int:
    """The number of the network that ``address`` is in; mapped IPv4 is IPv4."""
    bits = int(address)
    if address.version == 4:
        return bits >> 8
    if bits >> 32 == 0xFFFF:
        return (bits & 0xFFFFFFFF) >> 8
    return _IPV6 | bits >> 80


def network_of(number: int) -> IPv4Network | IPv6Network:
    """The network with that number.

    Raises:
        ValueError: there is none.
    """
    if number < 1 << 24:
        return IPv4Network((number << 8, 24))
    if not number & _IPV6:
        raise ValueError(f"no network has the number {number}")
    return IPv6Network(((number ^ _IPV6) << 80, 48))


class NetworkEdgeView(msgspec.Struct, frozen=True):
    """What the way from one edge to a network carried in the last minutes."""

    edge_id: str
    throughput: float
    """Bits per second that players measured."""
    starving: float
    """The share of requests that told of an empty buffer, 0 to 1."""
    weight: float
    """How many requests it rests on; older ones count less."""


class NetworkView(msgspec.Struct, frozen=True):
    """What a control plane knows of a client's network, for operators."""

    network: str
    """In CIDR notation."""
    asn: int
    """The autonomous system that it belongs to; 0 when nobody knows."""
    rests_on: str
    """Whose words the estimate rests on: ``network``, ``asn``, or empty when there is none."""
    throughput: float | None
    """Bits per second; None when too little was told."""
    starving: float | None
    weight: float
    buffer: int | None
    """The shortest buffer that players in the network told last, in milliseconds."""
    edges: tuple[NetworkEdgeView, ...]
