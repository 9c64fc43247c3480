"""One edge as it is now, for whoever knows its name."""

from collections.abc import Callable
from functools import partial

from common.messages import PackageAnnouncement, PackageName
from control_plane.fleet import Fleet
from control_plane.routing import EdgeFacts
from control_plane.watch import Watch

Present = Callable[[PackageAnnouncement, str], EdgeFacts | None]
"""An edge that takes viewers of a package; None for one that does not, or was never heard of."""


def present_in(fleet: Fleet, watch: Watch) -> Present:
    """What looks for edges of ``fleet``."""
    return partial(_present, fleet, watch, frozenset(region.name for region in fleet.rules.regions))


def _present(
    fleet: Fleet,
    watch: Watch,
    regions: frozenset[str],
    package: PackageAnnouncement,
    edge_id: str,
) -> EdgeFacts | None:
    record = fleet.edge(edge_id)
    share = watch.share(edge_id)
    if record is None or record.region not in regions or share == 0:
        return None
    holds = fleet.holds(edge_id, PackageName(package.asset_id, package.version))
    return EdgeFacts(edge_id, record.region, record.heartbeat.url, holds, share)
