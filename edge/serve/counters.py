"""What an edge counts while it serves: for Prometheus, and for its heartbeat.

Counting is a few additions to plain numbers, since it is a part of what every hit costs; they are
made into metrics when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from edge.policy.watched import Watches
from edge.policy.words import Words

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Bounds of the buckets of latencies."""
_SHORTEST = SECONDS[0]
REFUSED = "refused"
"""The result of a request that could not be answered by its own fault."""


@dataclass
class Totals:
    """Since the start."""

    requests: int = 0
    hits: int = 0
    bytes_sent: int = 0
    errors: int = 0
    """Answers of 500 to 599 that the requests are not to blame for."""
    active: int = 0
    """Requests being answered now."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The present value of something that others count."""

    name: str
    help: str
    value: float
    rises: bool = False
    """Whether it only ever rises: a counter, not a gauge."""


class Latencies:
    """Seconds, counted in buckets."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.total = 0.0
        self.buckets = [0] * (len(SECONDS) + 1)

    def note(self, seconds: float) -> None:
        """Counts one."""
        self.total += seconds
        self.buckets[bisect_left(SECONDS, seconds)] += 1

    def add(self, other: "Latencies") -> None:
        """Counts all that ``other`` has counted."""
        self.total += other.total
        self.buckets = [sum(pair) for pair in zip(self.buckets, other.buckets, strict=True)]

    def cumulative(self) -> list[tuple[str, float]]:
        """The buckets as Prometheus has them: each with all below it."""
        told: list[tuple[str, float]] = []
        count = 0
        bounds = (*(str(float(bound)) for bound in SECONDS), "+Inf")
        for bound, found in zip(bounds, self.buckets, strict=True):
            count += found
            told.append((bound, count))
        return told


class Tally:
    """What counts the answers of one status and result."""

    __slots__ = ("first_byte", "requests", "seconds", "sent")

    def __init__(self) -> None:
        self.requests = 0
        self.sent = 0
        """Bytes of content."""
        self.seconds = Latencies()
        self.first_byte = Latencies()

    def note(self, sent: int, seconds: float) -> None:
        """Counts one answer with ``sent`` bytes of content that took ``seconds``."""
        self.requests += 1
        self.sent += sent
        # As ``Latencies.note``, without a call: most answers take no time to speak of.
        latencies = self.seconds
        latencies.total += seconds
        latencies.buckets[0 if seconds <= _SHORTEST else bisect_left(SECONDS, seconds)] += 1


class Counters:
    """Counts requests, bytes and seconds."""

    def __init__(self, registry: CollectorRegistry, read: Callable[[], Iterable[Reading]]) -> None:
        """``read`` answers what others count, whenever somebody asks."""
        self.active = 0
        """Requests being answered now."""
        self.watches = Watches()
        self.words = Words()
        self._tallies: dict[tuple[int, str], Tally] = {}
        self._upstream = Histogram(
            "nearcast_edge_upstream_first_byte_seconds",
            "Seconds from a request upstream to the head of its answer or to its failure.",
            ["outcome"],
            buckets=SECONDS,
            registry=registry,
        )
        # Looking labels up costs more than counting.
        self._outcomes: dict[str, Histogram] = {}
        registry.register(_Answers(self._tallies))
        registry.register(_Readings(read))

    @property
    def totals(self) -> Totals:
        """What is counted so far."""
        totals = Totals(active=self.active)
        for (status, result), tally in self._tallies.items():
            failed = 500 <= status < 600 and result != REFUSED
            totals.errors += tally.requests if failed else 0
            totals.requests += tally.requests
            totals.hits += tally.requests if result == "hit" else 0
            totals.bytes_sent += tally.sent
        return totals

    def tally(self, status: int, result: str) -> Tally:
        """What counts the answers with that status code and result (``hit``, ``miss``, …)."""
        tally = self._tallies.get((status, result))
        if tally is None:
            tally = self._tallies[status, result] = Tally()
        return tally

    def count(
        self, status: int, result: str, sent: int, seconds: float, first_byte: float | None = None
    ) -> None:
        """Counts one answer.

        Args:
            status: its status code.
            result: what the cache did: ``hit``, ``miss`` and so on.
            sent: bytes of content.
            seconds: until the last of its bytes was handed over.
            first_byte: seconds until the first of them was; None when there was none.
        """
        tally = self.tally(status, result)
        tally.note(sent, seconds)
        if first_byte is not None:
            tally.first_byte.note(first_byte)

    def count_upstream(self, outcome: str, first_byte: float) -> None:
        """Counts one request upstream.

        Args:
            outcome: ``answered``, or how it failed: ``unreachable``, ``slow``, ``broke``.
            first_byte: seconds until the head of its answer had come, or until it failed.
        """
        histogram = self._outcomes.get(outcome)
        if histogram is None:
            histogram = self._outcomes[outcome] = self._upstream.labels(outcome)
        histogram.observe(first_byte)


class _Answers(Collector):
    def __init__(self, tallies: dict[tuple[int, str], Tally]) -> None:
        self._tallies = tallies

    def collect(self) -> Iterable[CounterMetricFamily | HistogramMetricFamily]:
        requests = CounterMetricFamily(
            "nearcast_edge_requests",
            "Requests by status code and by what the cache did.",
            labels=["status", "result"],
        )
        by_result: dict[str, Tally] = {}
        for (status, result), tally in self._tallies.items():
            requests.add_metric([str(status), result], tally.requests)
            of_result = by_result.setdefault(result, Tally())
            of_result.sent += tally.sent
            of_result.seconds.add(tally.seconds)
            of_result.first_byte.add(tally.first_byte)
        yield requests
        sent = CounterMetricFamily(
            "nearcast_edge_sent_bytes",
            "Bytes of content sent to viewers, by what the cache did.",
            labels=["result"],
        )
        seconds = HistogramMetricFamily(
            "nearcast_edge_response_seconds",
            "Seconds from a request's head to the last byte of its answer.",
            labels=["result"],
        )
        first_byte = HistogramMetricFamily(
            "nearcast_edge_first_byte_seconds",
            "Seconds from a request's head to the first byte of its answer.",
            labels=["result"],
        )
        for result, tally in by_result.items():
            sent.add_metric([result], tally.sent)
            for family, found in ((seconds, tally.seconds), (first_byte, tally.first_byte)):
                family.add_metric([result], found.cumulative(), found.total)
        yield from (sent, seconds, first_byte)


class _Readings(Collector):
    def __init__(self, read: Callable[[], Iterable[Reading]]) -> None:
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        for reading in self._read():
            kind = CounterMetricFamily if reading.rises else GaugeMetricFamily
            yield kind(reading.name, reading.help, value=reading.value)
