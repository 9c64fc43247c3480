"""What the control plane counts."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from common.messages import EdgeState
from control_plane.fleet import Fleet


class ControlMetrics:
    """Counters, and gauges read from the fleet when Prometheus asks."""

    def __init__(self, registry: CollectorRegistry, fleet: Fleet) -> None:
        self.routes = Counter(
            "nearcast_routes", "Answers of /play/ by result.", ["result"], registry=registry
        )
        self.heartbeats = Counter(
            "nearcast_heartbeats", "Heartbeats that came in.", registry=registry
        )
        registry.register(_FleetCollector(fleet))


class _FleetCollector(Collector):
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterable[GaugeMetricFamily]:
        edges = GaugeMetricFamily("nearcast_edges", "Edges by health.", labels=["state"])
        states = [self._fleet.state_of(record) for record in self._fleet.edges()]
        for state in EdgeState:
            edges.add_metric([state.value], states.count(state))
        yield edges
        yield GaugeMetricFamily(
            "nearcast_assets", "Assets in the catalog.", value=len(list(self._fleet.assets()))
        )
        yield GaugeMetricFamily(
            "nearcast_removals_open",
            "Removals that are not confirmed by the origin and every edge.",
            value=len(self._fleet.removals),
        )
