"""How much one client, and all of them, may ask of an edge."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

MOST_CLIENTS = 65_536
"""Clients whose rate is remembered; those that have asked least lately are forgotten first."""


def client_group(address: str) -> str:
    """What counts as one client: an IPv4 address, or a /64 network of IPv6 (RFC 6177 §2)."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


class RequestRate:
    """A bucket of tokens for each client: so many requests a second, and so many at once."""

    def __init__(self, per_second: float, burst: int) -> None:
        """Admits ``per_second`` requests of a client, and ``burst`` at once after a pause."""
        self._per_second = per_second
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens that were left, and when."""

    def admits(self, client: str, now: float) -> bool:
        """Whether ``client`` may make one more request at ``now``; it counts if so."""
        left, at = self._buckets.get(client, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - at) * self._per_second)
        admitted = left >= 1
        self._buckets[client] = (left - 1 if admitted else left, now)
        self._buckets.move_to_end(client)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return admitted

    def take_back(self, client: str) -> None:
        """Says that the request which was admitted last comes to be asked about once more."""
        left, at = self._buckets[client]
        self._buckets[client] = (left + 1, at)


class ConnectionCounts:
    """Open connections, in all and of each client."""

    def __init__(self, total: int, per_client: int | None) -> None:
        """Admits ``total`` connections, ``per_client`` of them from one client."""
        self._total = total
        self._per_client = per_client
        self._clients: dict[str, int] = {}
        self.open = 0
        """How many there are."""

    def admits(self, client: str) -> bool:
        """Whether ``client`` may have one more; it counts until ``left``, if so."""
        count = self._clients.get(client, 0)
        if self.open >= self._total:
            return False
        if self._per_client is not None and count >= self._per_client:
            return False
        self.open += 1
        self._clients[client] = count + 1
        return True

    def left(self, client: str) -> None:
        """Takes note of the end of a connection that was admitted."""
        self.open -= 1
        count = self._clients[client] - 1
        if count:
            self._clients[client] = count
        else:
            del self._clients[client]
