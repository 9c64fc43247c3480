"""How much one client, and all of them, may ask of an edge."""

import math
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Protocol

MOST_CLIENTS = 65_536
"""Clients whose rate is remembered; those that have asked least lately are forgotten first."""
_SECOND = 10**9
"""Nanoseconds: whole numbers, so that a burst is what it says to the last request."""


def plain_address(address: str) -> str:
    """The address of a socket's other end as everybody writes it: that of an IPv4 client where a
    socket takes both has IPv6's form (RFC 4291 §2.5.5.2), and a local one has a zone."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


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


class Moments(Protocol):
    """When each client may make a whole burst again, in nanoseconds."""

    def get(self, client: str) -> int:
        """That moment; one that is past when nothing is known of ``client``."""
        ...

    def put(self, client: str, moment: int) -> None:
        """Notes it; it never is before what ``get`` said."""
        ...

    def take_back(self, client: str, noted: int, before: int) -> None:
        """Notes ``before`` instead of ``noted``, where that still stands."""
        ...


class OwnMoments:
    """Those that one process knows of."""

    def __init__(self) -> None:
        self._moments: OrderedDict[str, int] = OrderedDict()

    def get(self, client: str) -> int:
        """As ``Moments``."""
        if client not in self._moments:
            return 0
        self._moments.move_to_end(client)
        return self._moments[client]

    def put(self, client: str, moment: int) -> None:
        """As ``Moments``."""
        self._moments[client] = moment
        if len(self._moments) > MOST_CLIENTS:
            self._moments.popitem(last=False)

    def take_back(self, client: str, noted: int, before: int) -> None:
        """As ``Moments``."""
        if self._moments.get(client) == noted:
            self._moments[client] = before


class RequestRate:
    """A bucket of tokens for each client: so many requests a second, and so many at once.

    A bucket is told by the moment at which it is full again, a single number that processes can
    share without a lock (the generic cell rate algorithm of ITU-T I.371).
    """

    def __init__(self, per_second: float, burst: int, moments: Moments | None = None) -> None:
        """Admits ``per_second`` requests of a client, and ``burst`` at once after a pause.

        Args:
            per_second: how many requests.
            burst: how many requests at once.
            moments: where buckets are remembered; in this process alone without it.
        """
        self._each = math.ceil(_SECOND / per_second)
        self._full = self._each * burst
        self._moments = moments if moments is not None else OwnMoments()

    def admits(self, client: str, now: float) -> bool:
        """Whether ``client`` may make one more request at ``now``; it counts if so.

        ``now`` is of a clock that is never set back, and the same for all who share the moments.
        """
        moment = int(now * _SECOND)
        full_at = max(self._moments.get(client), moment) + self._each
        if full_at > moment + self._full:
            return False
        self._moments.put(client, full_at)
        return True

    def take_back(self, client: str) -> None:
        """Says that the request which was admitted last comes to be asked about once more."""
        full_at = self._moments.get(client)
        self._moments.take_back(client, full_at, full_at - self._each)


class Counts(Protocol):
    """How many connections are open."""

    def all(self) -> int:
        """How many there are."""
        ...

    def of(self, client: str) -> int:
        """How many of them are ``client``'s."""
        ...

    def add(self, client: str, change: int) -> None:
        """Counts connections of ``client`` that came, or, below zero, went."""
        ...


class OwnCounts:
    """Those of one process."""

    def __init__(self) -> None:
        self._all = 0
        self._clients: dict[str, int] = {}

    def all(self) -> int:
        """As ``Counts``."""
        return self._all

    def of(self, client: str) -> int:
        """As ``Counts``."""
        return self._clients.get(client, 0)

    def add(self, client: str, change: int) -> None:
        """As ``Counts``."""
        self._all += change
        count = self._clients.get(client, 0) + change
        if count:
            self._clients[client] = count
        else:
            del self._clients[client]


class ConnectionCounts:
    """Open connections, in all and of each client."""

    def __init__(self, total: int, per_client: int | None, counts: Counts | None = None) -> None:
        """Admits ``total`` connections, ``per_client`` of them from one client.

        Args:
            total: how many there may be.
            per_client: how many may be one client's; None is as many as there may be.
            counts: where they are counted; in this process alone without it.
        """
        self._total = total
        self._per_client = per_client
        self._counts = counts if counts is not None else OwnCounts()

    @property
    def open(self) -> int:
        """How many there are."""
        return self._counts.all()

    def admits(self, client: str) -> bool:
        """Whether ``client`` may have one more; it counts until ``left``, if so."""
        # Counted first: of two processes that look at once, not both may take the last place.
        self._counts.add(client, 1)
        over = self._counts.all() > self._total
        if not over and self._per_client is not None:
            over = self._counts.of(client) > self._per_client
        if over:
            self._counts.add(client, -1)
        return not over

    def left(self, client: str) -> None:
        """Takes note of the end of a connection that was admitted."""
        self._counts.add(client, -1)


class Pace:
    """Whether somebody who is waited for is quick enough; other time does not count."""

    def __init__(self, per_second: int, seconds: float) -> None:
        """Asks for ``per_second`` bytes on an average of ``seconds`` of waiting."""
        self._per_second = per_second
        self._seconds = seconds
        self._size = 0
        self._waited = 0.0

    @property
    def left(self) -> float:
        """Seconds of waiting until it is judged."""
        return self._seconds - self._waited

    def holds(self, size: int, waited: float) -> bool:
        """Whether it is quick enough with ``size`` more bytes after ``waited`` more seconds."""
        self._size += size
        self._waited += waited
        if self._waited < self._seconds:
            return True
        enough = self._size >= self._per_second * self._waited
        self._size, self._waited = 0, 0.0
        return enough
