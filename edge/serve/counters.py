"""What an edge counts while it serves: for Prometheus, and for its heartbeat."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Bounds of the buckets of latencies."""


@dataclass
class Totals:
    """Since the start."""

    requests: int = 0
    hits: int = 0
    bytes_sent: int = 0
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


class Counters:
    """Counts requests, bytes and seconds."""

    def __init__(self, registry: CollectorRegistry, read: Callable[[], Iterable[Reading]]) -> None:
        """``read`` answers what others count, whenever somebody asks."""
        self.totals = Totals()
        self._requests = Counter(
            "nearcast_edge_requests",
            "Requests by status code and by what the cache did.",
            ["status", "result"],
            registry=registry,
        )
        self._bytes = Counter(
            "nearcast_edge_sent_bytes",
            "Bytes of content sent to viewers, by what the cache did.",
            ["result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "nearcast_edge_response_seconds",
            "Seconds from a request's head to the last byte of its answer.",
            ["result"],
            buckets=SECONDS,
            registry=registry,
        )
        # Looking labels up costs more than counting.
        self._by_status: dict[tuple[int, str], Counter] = {}
        self._by_result: dict[str, tuple[Counter, Histogram]] = {}
        registry.register(_Readings(read))

    def count(self, status: int, result: str, sent: int, seconds: float) -> None:
        """Counts one answer.

        Args:
            status: its status code.
            result: what the cache did: ``hit``, ``miss`` and so on.
            sent: bytes of content.
            seconds: until the last of them was handed over.
        """
        totals = self.totals
        totals.requests += 1
        totals.hits += result == "hit"
        totals.bytes_sent += sent
        requests = self._by_status.get((status, result))
        if requests is None:
            requests = self._requests.labels(str(status), result)
            self._by_status[status, result] = requests
        requests.inc()
        known = self._by_result.get(result)
        if known is None:
            known = self._bytes.labels(result), self._seconds.labels(result)
            self._by_result[result] = known
        known[0].inc(sent)
        known[1].observe(seconds)


class _Readings(Collector):
    def __init__(self, read: Callable[[], Iterable[Reading]]) -> None:
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        for reading in self._read():
            kind = CounterMetricFamily if reading.rises else GaugeMetricFamily
            yield kind(reading.name, reading.help, value=reading.value)
