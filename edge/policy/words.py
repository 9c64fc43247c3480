"""What players tell of their networks with each request, for the control plane.

Whoever answers only lays a request aside, and not each of many: it is read when the next heartbeat
is made. One client gets only so many words in, so that none speaks for its whole network.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from common.http.cmcd import FIELDS, Measured, measured_in
from common.http.fields import Fields
from common.messages import NetworkSeen, network_number

MOST_SAMPLES: Final = 256
"""Requests that one process lays aside between two heartbeats."""
MOST_OF_CLIENT: Final = 8
"""Of those, the ones of a client that are read."""
MOST_GATHERED: Final = 20_000
"""Networks that wait to be told of."""
MOST_TOLD: Final = 500
"""Networks in a heartbeat, those with the most words."""
TOLD_EVERY: Final = 5.0
"""Seconds between heartbeats that tell of networks: what they carry does not change each second."""
_KBIT: Final = 1000


class Words:
    """Takes what players tell one process."""

    __slots__ = ("_passed", "_samples", "_step", "due")

    def __init__(self) -> None:
        self._samples: list[tuple[str, bytes]] = []
        self._step = 1
        """Of so many requests, one is laid aside."""
        self.due = 0
        """Requests to pass over before the next."""
        self._passed = 0

    def hear(self, client: str, request: bytes) -> None:
        """Lays a request aside, if it is its turn.

        Args:
            client: who asks: an address, or a network in which one client is.
            request: its head.
        """
        self.due -= 1
        if self.due < 0:
            self.lay_aside(client, request)

    def lay_aside(self, client: str, request: bytes) -> None:
        """Lays a request aside whose turn it is; the rest is as in ``hear``."""
        self.due = self._step - 1
        self._passed += 1
        if len(self._samples) < MOST_SAMPLES:
            self._samples.append((client, request))

    def hear_parsed(self, client: str, target: str, fields: Fields) -> None:
        """The same of a request that was taken apart: its target as it came, and its fields."""
        lines = [f"{name}: {line}" for name in FIELDS for line in fields.lines(name)]
        if lines or "?" in target:
            self.hear(client, "\r\n".join((target, *lines, "", "")).encode("latin-1", "replace"))

    def take(self) -> tuple[NetworkSeen, ...]:
        """What was told since the last time, by network."""
        samples, self._samples = self._samples, []
        self._step = max(1, math.ceil(self._passed * self._step / MOST_SAMPLES))
        self._passed, self.due = 0, 0
        heard = Counter[str]()
        numbers: dict[str, int | None] = {}
        sums: dict[int, _Sum] = {}
        for client, request in samples:
            if heard[client] >= MOST_OF_CLIENT:
                continue
            heard[client] += 1
            told = measured_in(request)
            if told is None:
                continue
            if client not in numbers:
                numbers[client] = _number_of(client)
            number = numbers[client]
            if number is not None:
                sums.setdefault(number, _Sum()).hear(told)
        return tuple(found.told(number) for number, found in sums.items())


class GatheredWords:
    """What several processes were told, until it is told on."""

    def __init__(self) -> None:
        self._sums: dict[int, _Sum] = {}
        self._told_at = -math.inf

    def add(self, networks: Iterable[NetworkSeen]) -> None:
        """Takes in what one was told."""
        for each in networks:
            found = self._sums.get(each.network)
            if found is None:
                if len(self._sums) >= MOST_GATHERED:
                    continue
                found = self._sums[each.network] = _Sum()
            found.add(each)

    def take(self, now: float) -> tuple[NetworkSeen, ...]:
        """The networks with the most words; none if it was asked less than ``TOLD_EVERY`` ago.

        Those that it does not answer with wait for the next time, and go on gathering words.
        ``now`` is in seconds of a clock that never goes back.
        """
        if now - self._told_at < TOLD_EVERY or not self._sums:
            return ()
        self._told_at = now
        most = heapq.nlargest(
            MOST_TOLD, self._sums.items(), key=lambda each: (each[1].words, each[0])
        )
        for number, _ in most:
            del self._sums[number]
        return tuple(found.told(number) for number, found in most)


class _Sum:
    """What was told of one network."""

    __slots__ = ("buffer", "logarithms", "measured", "starving", "words")

    def __init__(self) -> None:
        self.words = self.measured = self.starving = 0
        self.logarithms = 0.0
        """Of what was measured, in bits per second."""
        self.buffer: int | None = None

    def hear(self, told: Measured) -> None:
        """Adds one word."""
        self.words += 1
        self.starving += told.starved
        if told.throughput > 0:
            self.measured += 1
            self.logarithms += math.log(told.throughput * _KBIT)
        self._shorten(told.buffer)

    def add(self, seen: NetworkSeen) -> None:
        """Adds what another has summed up."""
        self.words += seen.words
        self.starving += seen.starving
        if seen.measured and seen.throughput > 0:
            self.measured += seen.measured
            self.logarithms += seen.measured * math.log(seen.throughput)
        self._shorten(seen.buffer)

    def _shorten(self, buffer: int | None) -> None:
        if buffer is not None and (self.buffer is None or buffer < self.buffer):
            self.buffer = buffer

    def told(self, number: int) -> NetworkSeen:
        """It all, of the network ``number``."""
        # The mean of equal numbers must not come out above the greatest there is.
        mean = math.exp(self.logarithms / self.measured) if self.measured else 0.0
        return NetworkSeen(
            number, self.words, self.measured, min(mean, 1e10), self.starving, self.buffer
        )


def _number_of(client: str) -> int | None:
    """The number of a client's network; None when it has none, as over a Unix socket."""
    try:
        return network_number(ip_address(client.partition("/")[0].partition("%")[0]))
    except ValueError:
        return None
