"""What an edge counts while it serves: for Prometheus, and for its heartbeat."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


@dataclass
class Totals:
    """Since the start."""

    requests: int = 0
    hits: int = 0
    bytes_sent: int = 0
    active: int = 0
    """Requests being answered now."""


class Counters:
    """Counts requests and bytes."""

    def __init__(self, registry: CollectorRegistry, gauges: Callable[[], dict[str, float]]) -> None:
        """``gauges`` answers the present values of what rises and falls, by metric name."""
        self.totals = Totals()
        self._requests = Counter(
            "nearcast_edge_requests",
            "Requests by status code and by what the cache did.",
            ["status", "result"],
            registry=registry,
        )
        self._bytes = Counter(
            "nearcast_edge_sent_bytes", "Bytes of content sent to viewers.", registry=registry
        )
        registry.register(_Gauges(gauges))

    def count(self, status: int, result: str, sent: int) -> None:
        """Counts one answer.

        Args:
            status: its status code.
            result: ``hit``, ``miss``, ``collapsed``, ``stale`` or ``none``.
            sent: bytes of content.
        """
        self.totals.requests += 1
        self.totals.hits += result == "hit"
        self.totals.bytes_sent += sent
        self._requests.labels(str(status), result).inc()
        self._bytes.inc(sent)


class _Gauges(Collector):
    def __init__(self, read: Callable[[], dict[str, float]]) -> None:
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, value in self._read().items():
            yield GaugeMetricFamily(name, name.replace("_", " ").capitalize() + ".", value=value)
