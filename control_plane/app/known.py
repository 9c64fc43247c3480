"""What a control plane knows, put together."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry

from common.clock import Clock, SystemClock
from common.errors import Unavailable
from common.messages import EdgeStanding
from common.metrics import new_registry
from control_plane.app.networks import heard_networks
from control_plane.app.told import Told, told_by_operators
from control_plane.catalog import Catalog, open_catalog
from control_plane.findings import Findings
from control_plane.fleet import Fleet, Rules
from control_plane.health import HealthRules
from control_plane.keeping import Keeper, Kept
from control_plane.library import Library
from control_plane.metrics import ControlMetrics
from control_plane.neighbourhoods import Neighbourhoods
from control_plane.networks import Networks
from control_plane.placement import PlacementRules
from control_plane.planning import Placements, Planner, open_plan_store
from control_plane.planning.demand import DemandCounts
from control_plane.purge import KnownEdge, PurgeDesk, open_purge_log
from control_plane.routing import Region
from control_plane.settings import Settings
from control_plane.snapshots import Snapshots
from control_plane.standing import Standings, open_standings
from control_plane.views import Views
from control_plane.waiting import News
from control_plane.watch import LOOK_EVERY, Watch


class _Closed(Protocol):
    async def close(self) -> None: ...


Store = TypeVar("Store", bound=_Closed)


@dataclass(frozen=True)
class Known:
    """What a control plane knows, and what keeps it so."""

    clock: Clock
    news: News
    catalog: Catalog
    library: Library
    fleet: Fleet
    watch: Watch
    findings: Findings
    neighbourhoods: Neighbourhoods
    networks: Networks
    placements: Placements
    standings: Standings
    told: Told
    planner: Planner
    demand: DemandCounts
    purges: PurgeDesk
    keeper: Keeper
    snapshots: Snapshots | None
    registry: CollectorRegistry
    metrics: ControlMetrics
    away_besides: list[Callable[[], dict[str, str]]] = field(default_factory=list)
    """What else may be away."""

    @property
    def views(self) -> Views:
        """What is shown of it."""
        return Views(self.fleet, self.watch, self.placements, self.standings)

    def away(self) -> dict[str, str]:
        """What it has to do without."""
        away = dict(self.keeper.away)
        if self.purges.away is not None:
            away["purges"] = self.purges.away
        if self.watch.blind:
            away["fleet"] = "no edge is heard: going on with what was last known of them"
        for besides in self.away_besides:
            away |= besides()
        return away


async def know(settings: Settings, stack: AsyncExitStack) -> Known:
    """What a control plane with these settings knows as it begins; closed with ``stack``.

    Raises:
        Unavailable: the catalog's database does not answer, and there is no snapshot.
    """
    clock, news = SystemClock(), News()
    catalog = await _opened(open_catalog, settings, stack)
    store = await _opened(open_plan_store, settings, stack)
    log = await _opened(open_purge_log, settings, stack)
    orders = await _opened(open_standings, settings, stack)
    told = await told_by_operators(settings, clock, stack)
    library, fleet = Library(catalog, clock), Fleet(catalog, clock, _rules(settings))
    placements, standings = Placements(library.history), Standings(orders, clock)
    purges = PurgeDesk(log, lambda: _known_edges(fleet, watch), clock)
    stack.push_async_callback(purges.close)
    health, findings = HealthRules(silence=settings.heartbeat_timeout), Findings()
    watch = Watch(fleet, health, clock, standings, findings, lambda: purges.head)
    fleet.kept = lambda edge_id: standings.of(edge_id) is EdgeStanding.MAINTENANCE
    neighbourhoods = Neighbourhoods(fleet, watch, news.tell)
    watch.on_change(neighbourhoods.refresh)
    demand = DemandCounts(store, clock)
    fleet.on_heard(demand.heard)
    planner = Planner(store, library, fleet, placements, _placement(settings), clock, demand)
    library.on_change(lambda _: news.tell())
    planner.on_new = purges.on_new = news.tell
    kept: dict[str, Kept] = {"catalog": library, "edges": fleet, "orders": standings}
    keeper = Keeper({**kept, **told.kept, "plan": planner, "demand": demand}, clock)
    snapshots = None
    if settings.snapshot is not None:
        parts = (library, fleet, standings, placements, clock, told.folders)
        snapshots = Snapshots(settings.snapshot, *parts)
    if snapshots is None or not await _restored(catalog, snapshots):
        for part in (keeper, purges, told):
            await part.refresh()
    registry = new_registry()
    return Known(
        clock=clock,
        news=news,
        catalog=catalog,
        library=library,
        fleet=fleet,
        watch=watch,
        findings=findings,
        neighbourhoods=neighbourhoods,
        networks=heard_networks(fleet, clock),
        placements=placements,
        standings=standings,
        told=told,
        planner=planner,
        demand=demand,
        purges=purges,
        keeper=keeper,
        snapshots=snapshots,
        registry=registry,
        metrics=ControlMetrics(registry, library, fleet, watch),
    )


async def _opened(
    opening: Callable[..., Awaitable[Store]], settings: Settings, stack: AsyncExitStack
) -> Store:
    """What is kept in the database, closed with ``stack``; with a snapshot, the database may come
    later."""
    store = await opening(settings.database, later=settings.snapshot is not None)
    stack.push_async_callback(store.close)
    return store


async def _restored(catalog: Catalog, snapshots: Snapshots) -> bool:
    """Whether there is only the snapshot to go on from, as the database does not answer.

    Raises:
        Unavailable: there is no snapshot either.
    """
    try:
        await catalog.counts()
    except Unavailable:
        if not await snapshots.restore():
            raise
        return True
    return False


def _known_edges(fleet: Fleet, watch: Watch) -> Iterable[KnownEdge]:
    """What following purges needs of every edge."""
    return (
        KnownEdge(
            record.edge_id,
            watch.away(record.edge_id),
            record.heartbeat.purges,
        )
        for record in fleet.edges()
    )


def _rules(settings: Settings) -> Rules:
    return Rules(
        regions=tuple(
            Region(region.name, region.title, region.latitude, region.longitude)
            for region in settings.regions
        ),
        # Who is given up has given up its name.
        silence=settings.heartbeat_timeout - LOOK_EVERY,
        patience=settings.placement_patience,
    )


def _placement(settings: Settings) -> PlacementRules:
    return PlacementRules(
        minimum=settings.copies_per_region,
        copy_traffic=settings.copy_traffic,
        tail_traffic=settings.tail_traffic,
        tail_copies=settings.tail_copies,
    )
