"""The control plane put together: the one place that names its parts."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from common.clock import Clock, SystemClock
from common.errors import NearcastError, SettingsInvalid, Unavailable
from common.messages import EdgeStanding
from common.metrics import new_registry
from common.service import (
    Gatekeeper,
    Listener,
    PeerSettings,
    add_health_routes,
    listening,
    new_client_session,
    problem_middleware,
)
from control_plane.api.fleet import FleetApi
from control_plane.api.orders import OrdersApi
from control_plane.api.play import PlayApi
from control_plane.api.purges import PurgesApi
from control_plane.api.standing import StandingApi
from control_plane.api.versions import VersionsApi
from control_plane.bus import Hint, HintKind, open_bus
from control_plane.catalog import Catalog, open_catalog
from control_plane.dashboard.jobs import IngestJobs
from control_plane.dashboard.page import Page
from control_plane.findings import Findings
from control_plane.fleet import Fleet, Rules
from control_plane.geoip import GeoDatabase
from control_plane.health import HealthRules, Probed
from control_plane.keeping import Keeper, Kept
from control_plane.lag import PublishLag
from control_plane.library import Library
from control_plane.metrics import ControlMetrics
from control_plane.neighbourhoods import Neighbourhoods
from control_plane.placement import PlacementRules
from control_plane.planning import Placements, Planner, open_plan_store
from control_plane.planning.demand import DemandCounts
from control_plane.probing import Prober, Subject
from control_plane.purge import KnownEdge, PurgeDesk, open_purge_log
from control_plane.removal.desk import Desk
from control_plane.removal.origin import Remover
from control_plane.routing import Network, Region, parse_networks
from control_plane.settings import Settings
from control_plane.sharing import Sharing
from control_plane.snapshots import Snapshots
from control_plane.standing import Standings, open_standings
from control_plane.views import Views
from control_plane.waiting import News
from control_plane.watch import LOOK_EVERY, Watch

__all__ = ["Settings", "main"]

LAST_WRITES_WITHIN = 1.0
"""Seconds that the last writes may take when the role ends."""


@dataclass(frozen=True)
class _Known:
    """What a control plane knows, and what keeps it so."""

    clock: Clock
    news: News
    catalog: Catalog
    library: Library
    fleet: Fleet
    watch: Watch
    findings: Findings
    neighbourhoods: Neighbourhoods
    placements: Placements
    standings: Standings
    planner: Planner
    purges: PurgeDesk
    keeper: Keeper
    snapshots: Snapshots | None
    registry: CollectorRegistry
    metrics: ControlMetrics
    away_besides: list[Callable[[], dict[str, str]]] = field(default_factory=list)
    """What else may be away."""

    @property
    def views(self) -> Views:
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


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Answers until ``stop``.

    Raises:
        SettingsInvalid: a setting cannot be carried out.
        GeoDatabaseUnusable: the GeoIP database is missing or broken.
        Unavailable: the catalog's database does not answer, and there is no snapshot.
        PortTaken: the port is another program's.
    """
    trusted = _trusted(settings)
    geography = (
        await asyncio.to_thread(GeoDatabase, settings.geoip) if settings.geoip is not None else None
    )
    async with AsyncExitStack() as stack:
        known = await _knowing(settings, stack)
        origin = await _peer(settings, settings.origin, stack)
        remover = Remover(known.catalog, known.library, known.fleet, known.clock, origin)
        play = PlayApi(
            known.library, known.watch, known.fleet.rules.regions, geography, trusted, known.metrics
        )
        application = await _application(settings, known, remover, play, stack)
        await stack.enter_async_context(_kept(known.keeper))
        for work in (remover.run, known.purges.run, known.watch.run):
            await stack.enter_async_context(_running(work))
        await _talk(settings, known, stack)
        if known.snapshots is not None:
            await stack.enter_async_context(_running(partial(known.snapshots.run, known.keeper)))
        await stack.enter_async_context(_planning(known.planner))
        async with listening([Listener(application, settings.listen)]):
            await stop.wait()


async def _knowing(settings: Settings, stack: AsyncExitStack) -> _Known:
    clock, news, database = SystemClock(), News(), settings.database
    later = settings.snapshot is not None
    catalog = await open_catalog(database, later=later)
    stack.push_async_callback(catalog.close)
    store = await open_plan_store(database, later=later)
    stack.push_async_callback(store.close)
    log = await open_purge_log(database, later=later)
    stack.push_async_callback(log.close)
    orders = await open_standings(database, later=later)
    stack.push_async_callback(orders.close)
    library, fleet = Library(catalog, clock), Fleet(catalog, clock, _rules(settings))
    placements, standings = Placements(library.history), Standings(orders, clock)
    purges = PurgeDesk(log, lambda: _known_edges(fleet, watch), clock)
    stack.push_async_callback(purges.close)
    health = HealthRules(silence=settings.heartbeat_timeout)
    findings = Findings()
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
    keeper = Keeper({**kept, "plan": planner, "demand": demand}, clock)
    snapshots = None
    if settings.snapshot is not None:
        path = settings.snapshot
        snapshots = Snapshots(path, library, fleet, standings, placements, clock)
    if snapshots is None or not await _restored(catalog, snapshots):
        await keeper.refresh()
        await purges.refresh()
    registry = new_registry()
    return _Known(
        clock=clock,
        news=news,
        catalog=catalog,
        library=library,
        fleet=fleet,
        watch=watch,
        findings=findings,
        neighbourhoods=neighbourhoods,
        placements=placements,
        standings=standings,
        planner=planner,
        purges=purges,
        keeper=keeper,
        snapshots=snapshots,
        registry=registry,
        metrics=ControlMetrics(registry, library, fleet, watch),
    )


async def _talk(settings: Settings, known: _Known, stack: AsyncExitStack) -> None:
    """Tells other control planes what is new here, hears them, and asks the edges."""
    monitor, fleet = secrets.token_hex(8), known.fleet
    bus = open_bus(settings.redis)
    stack.push_async_callback(bus.close)
    known.away_besides.append(lambda: {"redis": bus.trouble} if bus.trouble is not None else {})
    told: dict[HintKind, Callable[[], None]] = {
        HintKind.PURGES: known.purges.hint,
        HintKind.PACKAGES: partial(known.keeper.hint, "catalog"),
        HintKind.PLACEMENTS: partial(known.keeper.hint, "plan"),
        HintKind.STANDING: partial(known.keeper.hint, "orders"),
    }
    bus.subscribe(lambda hint: told.get(hint.kind, lambda: None)())
    known.library.on_write(lambda: bus.publish(Hint(HintKind.PACKAGES)))
    known.planner.on_written = lambda: bus.publish(Hint(HintKind.PLACEMENTS))
    known.purges.on_written = lambda: bus.publish(Hint(HintKind.PURGES))
    known.standings.on_written = lambda: bus.publish(Hint(HintKind.STANDING))
    heard, found, look = fleet.overhear, known.findings.take, partial(known.keeper.hint, "edges")
    sharing = Sharing(bus, known.clock, monitor, heard=heard, found=found, look=look)
    fleet.on_heard(lambda record: sharing.hear(record.heartbeat))
    await stack.enter_async_context(_running(sharing.run))
    if settings.probes is None:
        return

    def noted(edge_id: str, probed: Probed) -> None:
        if probed.failures and not fleet.hears(edge_id) and (not settings.redis or bus.trouble):
            # Its own network may be what is broken: others hear the edge, and it cannot ask them.
            return
        known.findings.note(monitor, edge_id, probed)
        sharing.find(edge_id, probed)

    session = await new_client_session(settings.ca)
    stack.push_async_callback(session.close)
    prober = Prober(
        session,
        known.clock,
        settings.probes,
        subjects=lambda: [
            Subject(record.edge_id, record.heartbeat.url, fleet.listed(record.edge_id))
            for record in fleet.edges()
        ],
        announced=known.library.announced,
        noted=noted,
        caught=lambda edge_id, _: fleet.disbelieve(edge_id),
    )
    await stack.enter_async_context(_running(prober.run))


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


async def _application(
    settings: Settings, known: _Known, remover: Remover, play: PlayApi, stack: AsyncExitStack
) -> web.Application:
    fleet, library, clock = known.fleet, known.library, known.clock
    ingest = await _peer(settings, settings.ingest, stack)
    jobs = IngestJobs(*ingest, clock) if ingest is not None else None
    desk = Desk(known.catalog, library, fleet, known.watch, remover, clock)
    gatekeeper = Gatekeeper(settings.credentials)
    known.watch.valid_until = gatekeeper.valid_until
    lag = PublishLag(library, clock, fleet.others_hold, known.metrics.lag)
    fleet.on_complete(lag.completed)
    orders = OrdersApi(
        library,
        fleet,
        known.placements,
        known.planner,
        known.purges,
        known.neighbourhoods,
        known.news,
        gatekeeper,
        clock,
    )
    page = await asyncio.to_thread(
        Page,
        library,
        known.views,
        known.away,
        known.purges,
        desk,
        jobs,
        gatekeeper,
        clock,
        uploads_url=settings.uploads_url,
        open_to_all=settings.dashboard_open,
    )
    application = web.Application(middlewares=[problem_middleware])
    for api in (
        FleetApi(library, known.views, desk, known.purges, gatekeeper, known.metrics),
        orders,
        StandingApi(fleet, known.standings, gatekeeper),
        VersionsApi(known.views, desk, gatekeeper),
        PurgesApi(known.purges, gatekeeper),
        play,
        page,
    ):
        application.router.add_routes(api.routes())
    application.on_response_prepare.append(play.allow_any_origin)
    application.on_shutdown.append(orders.end)

    async def ready() -> dict[str, str]:
        # It listens once it knows enough, and routes on without what is away: where all control
        # planes miss one database, none of them may be taken out for it.
        return {}

    add_health_routes(application, known.registry, ready, away=known.away)
    return application


async def _peer(
    settings: Settings, peer: PeerSettings | None, stack: AsyncExitStack
) -> tuple[aiohttp.ClientSession, str] | None:
    """What to ask another role with, and its URL; None when nobody said where it is."""
    if peer is None:
        return None
    session = await new_client_session(settings.ca, token=peer.token)
    stack.push_async_callback(session.close)
    return session, peer.url


@asynccontextmanager
async def _running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Has ``work``, which has no end, done while the block runs."""
    running = asyncio.ensure_future(work())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def _kept(keeper: Keeper) -> AsyncIterator[None]:
    """Keeps all alike while the block runs, and writes down what is left."""
    async with _running(keeper.run):
        yield
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WRITES_WITHIN):
            await keeper.save()


@asynccontextmanager
async def _planning(planner: Planner) -> AsyncIterator[None]:
    """Plans while the block runs, and lets another one do so after it."""
    async with _running(planner.run):
        yield
    with suppress(NearcastError, TimeoutError):
        async with asyncio.timeout(LAST_WRITES_WITHIN):
            await planner.resign()


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


def _trusted(settings: Settings) -> tuple[Network, ...]:
    try:
        return parse_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsInvalid(
            file="settings", key="trusted_proxies", expected=f"expected networks: {error}"
        ) from error
