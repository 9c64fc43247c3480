"""What edges tell of clients' networks, put together."""

from prometheus_client import CollectorRegistry, Gauge

from common.clock import Clock
from control_plane.fleet import Fleet
from control_plane.networks import Networks
from control_plane.router import Router


def heard_networks(fleet: Fleet, clock: Clock) -> Networks:
    """What networks carry, as the edges of ``fleet`` tell from now on."""
    networks = Networks(clock)
    fleet.on_heard(networks.heard)
    return networks


def estimate(router: Router, networks: Networks, registry: CollectorRegistry) -> None:
    """Has ``router`` know what viewers' networks carry, and ``networks`` where they are."""
    router.estimated = networks.of
    networks.asn_of = lambda address: router.viewer_at(address).place.asn
    known = Gauge(
        "nearcast_client_networks",
        "Networks of clients of which players have told something.",
        registry=registry,
    )
    known.set_function(lambda: len(networks))
