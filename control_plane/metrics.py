"""What the control plane counts."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from common.messages import EdgeState
from control_plane.fleet import Fleet
from control_plane.library import Library
from control_plane.watch import Watch


class ControlMetrics:
    """Counters, and gauges read from the fleet when Prometheus asks."""

    def __init__(
        self, registry: CollectorRegistry, library: Library, fleet: Fleet, watch: Watch
    ) -> None:
        self.routes = Counter(
            "nearcast_routes", "Answers of /play/ by result.", ["result"], registry=registry
        )
        self.sessions = Counter(
            "nearcast_steered_sessions",
            "Steering manifests by why a session is where it was told to be.",
            ["why"],
            registry=registry,
        )
        self.heartbeats = Counter(
            "nearcast_heartbeats", "Heartbeats that came in.", registry=registry
        )
        self._lag = Histogram(
            "nearcast_publish_lag_seconds",
            "Time between a publish and the first edge of the region that holds it whole.",
            ["region"],
            registry=registry,
            buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 900, 3600),
        )
        registry.register(_FleetCollector(library, fleet, watch))

    def lag(self, region: str, seconds: float) -> None:
        """A package can be played in ``region`` so long after its publish."""
        self._lag.labels(region).observe(seconds)


class _FleetCollector(Collector):
    def __init__(self, library: Library, fleet: Fleet, watch: Watch) -> None:
        self._library = library
        self._fleet = fleet
        self._watch = watch

    def collect(self) -> Iterable[GaugeMetricFamily]:
        edges = GaugeMetricFamily("nearcast_edges", "Edges by health.", labels=["state"])
        states = [self._watch.health(record.edge_id).state for record in self._fleet.edges()]
        for state in EdgeState:
            edges.add_metric([state.value], states.count(state))
        yield edges
        yield GaugeMetricFamily(
            "nearcast_assets", "Assets in the catalog.", value=len(self._library.history.assets)
        )
        yield GaugeMetricFamily(
            "nearcast_removals_open",
            "Removals that are not confirmed by the origin and every edge.",
            value=len(self._library.removals),
        )
