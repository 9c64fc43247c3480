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
        self._seconds = _latency(
            registry,
            "nearcast_edge_response_seconds",
            "Seconds from a request's head to the last byte of its answer.",
            "result",
        )
        self._first_byte = _latency(
            registry,
            "nearcast_edge_first_byte_seconds",
            "Seconds from a request's head to the first byte of its answer.",
            "result",
        )
        self._upstream = _latency(
            registry,
            "nearcast_edge_upstream_first_byte_seconds",
            "Seconds from a request upstream to the head of its answer or to its failure.",
            "outcome",
        )
        # Looking labels up costs more than counting.
        self._answers: dict[tuple[int, str], _Answers] = {}
        self._outcomes: dict[str, Histogram] = {}
        registry.register(_Readings(read))

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
        totals = self.totals
        totals.requests += 1
        totals.hits += result == "hit"
        totals.bytes_sent += sent
        answers = self._answers.get((status, result))
        if answers is None:
            answers = self._answers[status, result] = _Answers(
                self._requests.labels(str(status), result),
                self._bytes.labels(result),
                self._seconds.labels(result),
                self._first_byte.labels(result),
            )
        answers.requests.inc()
        answers.sent.inc(sent)
        answers.seconds.observe(seconds)
        if first_byte is not None:
            answers.first_byte.observe(first_byte)

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


@dataclass(frozen=True, slots=True)
class _Answers:
    """What counts the answers of one status and result."""

    requests: Counter
    sent: Counter
    seconds: Histogram
    first_byte: Histogram


def _latency(registry: CollectorRegistry, name: str, told: str, label: str) -> Histogram:
    return Histogram(name, told, [label], buckets=SECONDS, registry=registry)


class _Readings(Collector):
    def __init__(self, read: Callable[[], Iterable[Reading]]) -> None:
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        for reading in self._read():
            kind = CounterMetricFamily if reading.rises else GaugeMetricFamily
            yield kind(reading.name, reading.help, value=reading.value)
