"""How much a network is answered over UDP, where who seems to ask may be a victim. Pure."""

from collections import Counter
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address
from typing import Final

MOST_NETWORKS: Final = 65_536
"""Networks that are counted in one second, about 10 MB; more than that only a flood has."""
HOST_BITS: Final = {4: 8, 6: 72}
"""Bits of an address that do not count, by IP version."""
SLIP: Final = 2
"""Of what is too much, every so many is told to come over TCP, so that real clients get through;
the others are told nothing."""


class Verdict(Enum):
    """What to do with a query."""

    ANSWER = auto()
    CUT = auto()
    """Say no more than that the client should ask over TCP."""
    DROP = auto()


class Pace:
    """Counts, second by second."""

    def __init__(self, limit: int) -> None:
        """``limit`` is of answers a second to one network."""
        self._limit = limit
        self._second = 0
        self._counts: Counter[tuple[int, int]] = Counter()

    def judge(self, address: IPv4Address | IPv6Address, *, now: float) -> Verdict:
        """What a query from ``address`` gets at ``now``, in seconds from whenever."""
        if int(now) != self._second:
            self._second = int(now)
            self._counts.clear()
        network = (address.version, int(address) >> HOST_BITS[address.version])
        count = self._counts.get(network)
        if count is None and len(self._counts) >= MOST_NETWORKS:
            return Verdict.CUT
        self._counts[network] = told = (count or 0) + 1
        if told <= self._limit:
            return Verdict.ANSWER
        return Verdict.CUT if (told - self._limit) % SLIP == 0 else Verdict.DROP
