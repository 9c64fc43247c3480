"""What an origin counts of its stores."""

from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from origin.replicas.health import StoreHealth
from origin.replicas.regions import Regions

STORE: Final = ("store",)


class ReplicaMetrics:
    """Counters and gauges, each by the region whose store it is about."""

    def __init__(self, registry: CollectorRegistry, regions: Regions) -> None:
        self.up = Gauge(
            "nearcast_origin_store_up",
            "Whether a store answers: 1, or 0.",
            STORE,
            registry=registry,
        )
        for region in regions.all:
            self.up.labels(region.name).set_function(partial(_is_up, region.health))
        self.elsewhere = Counter(
            "nearcast_origin_reads_elsewhere",
            "Objects read from the store of another region, as the own one lacks them or fails.",
            STORE,
            registry=registry,
        )
        self._lag = Gauge(
            "nearcast_origin_replication_lag_seconds",
            "Seconds since the first of the packages became known that are still to be copied.",
            STORE,
            registry=registry,
        )
        self._pending = Gauge(
            "nearcast_origin_replication_pending_packages",
            "Packages that are known and still to be copied.",
            STORE,
            registry=registry,
        )
        self.packages = Counter(
            "nearcast_origin_replication_packages",
            "Packages copied whole.",
            STORE,
            registry=registry,
        )
        self.bytes = Counter(
            "nearcast_origin_replication_bytes",
            "Bytes copied.",
            STORE,
            registry=registry,
        )
        self.failures = Counter(
            "nearcast_origin_replication_failures",
            "Packages that could not be copied, each time with the reason.",
            ["store", "reason"],
            registry=registry,
        )
        self.repaired = Counter(
            "nearcast_origin_replication_repaired_objects",
            "Objects written anew into packages that were whole before.",
            STORE,
            registry=registry,
        )
        self.missing = Gauge(
            "nearcast_origin_replication_missing_objects",
            "Objects that packages lacked, or had in another size, at the last look at all.",
            STORE,
            registry=registry,
        )

    def follow(self, store: str, lag: Callable[[], float], pending: Callable[[], float]) -> None:
        """Has lag and pending packages of ``store`` read from these functions."""
        self._lag.labels(store).set_function(lag)
        self._pending.labels(store).set_function(pending)


def _is_up(health: StoreHealth) -> float:
    return float(not health.away)
