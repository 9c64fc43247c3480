"""The control plane put together: the one place that names its parts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from aiohttp import web

from common import logs
from common.clock import SystemClock
from common.errors import SettingsInvalid
from common.messages import EdgeState
from common.metrics import new_registry
from common.service import (
    Gatekeeper,
    Listener,
    add_health_routes,
    listening,
    new_client_session,
    problem_middleware,
)
from control_plane.api.fleet import FleetApi
from control_plane.api.play import PlayApi
from control_plane.api.purges import PurgesApi
from control_plane.api.versions import VersionsApi
from control_plane.catalog import open_catalog
from control_plane.dashboard.jobs import IngestJobs
from control_plane.dashboard.page import Page
from control_plane.fleet import Fleet, Rules
from control_plane.geoip import GeoDatabase
from control_plane.metrics import ControlMetrics
from control_plane.purge import KnownEdge, PurgeDesk, open_purge_log
from control_plane.removal.desk import Desk
from control_plane.removal.origin import Remover
from control_plane.routing import Network, Region, parse_networks
from control_plane.settings import Settings

__all__ = ["Settings", "main"]

REFRESH_EVERY = 1.0
"""Seconds between looks at what other control planes wrote."""
SAVE_EVERY = 0.2
"""Seconds that what an edge told waits to be written."""
LAST_WRITES_WITHIN = 1.0
"""Seconds that the last writes may take when the role ends."""

_log = logs.get(__name__)


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Answers until ``stop``.

    Raises:
        SettingsInvalid: a setting cannot be carried out.
        GeoDatabaseUnusable: the GeoIP database is missing or broken.
        Unavailable: the catalog's database does not answer.
        PortTaken: the port is another program's.
    """
    trusted = _trusted(settings)
    geography = (
        await asyncio.to_thread(GeoDatabase, settings.geoip) if settings.geoip is not None else None
    )
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        catalog = await open_catalog(settings.database)
        stack.push_async_callback(catalog.close)
        fleet = Fleet(catalog, clock, _rules(settings))
        await fleet.refresh()
        jobs = None
        if settings.ingest is not None:
            session = await new_client_session(settings.ca, token=settings.ingest.token)
            stack.push_async_callback(session.close)
            jobs = IngestJobs(session, settings.ingest.url, clock)
        origin = None
        if settings.origin is not None:
            session = await new_client_session(settings.ca, token=settings.origin.token)
            stack.push_async_callback(session.close)
            origin = (session, settings.origin.url)
        remover = Remover(catalog, fleet, clock, origin)
        desk = Desk(catalog, fleet, remover, clock)
        purge_log = await open_purge_log(settings.database)
        stack.push_async_callback(purge_log.close)
        purges = PurgeDesk(purge_log, lambda: _known_edges(fleet), clock)
        stack.push_async_callback(purges.close)
        await purges.refresh()
        gatekeeper = Gatekeeper(settings.credentials)
        page = await asyncio.to_thread(
            Page,
            fleet,
            desk,
            jobs,
            gatekeeper,
            clock,
            uploads_url=settings.uploads_url,
            open_to_all=settings.dashboard_open,
        )
        registry = new_registry()
        metrics = ControlMetrics(registry, fleet)
        play = PlayApi(fleet, geography, trusted, metrics)
        application = web.Application(middlewares=[problem_middleware])
        application.router.add_routes(FleetApi(fleet, desk, gatekeeper, metrics).routes())
        application.router.add_routes(VersionsApi(fleet, desk, gatekeeper).routes())
        application.router.add_routes(PurgesApi(purges, gatekeeper).routes())
        application.router.add_routes(play.routes())
        application.router.add_routes(page.routes())
        application.on_response_prepare.append(play.allow_any_origin)

        async def ready() -> dict[str, str]:
            away = {"catalog": fleet.away, "purges": purges.away}
            return {name: reason for name, reason in away.items() if reason is not None}

        add_health_routes(application, registry, ready)
        await stack.enter_async_context(_kept_fresh(fleet))
        await stack.enter_async_context(_running(remover.run))
        await stack.enter_async_context(_running(purges.run))
        async with listening([Listener(application, settings.listen)]):
            await stop.wait()


@asynccontextmanager
async def _kept_fresh(fleet: Fleet) -> AsyncIterator[None]:
    """Keeps catalog and picture alike while the block runs, and writes down what is left."""
    keeping = asyncio.create_task(_keep_fresh(fleet))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITES_WITHIN):
                await fleet.save()


@asynccontextmanager
async def _running(work: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Does ``work``, which has no end, while the block runs."""
    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def _known_edges(fleet: Fleet) -> Iterable[KnownEdge]:
    """What following purges needs of every edge."""
    return (
        KnownEdge(record.edge_id, fleet.state_of(record) is EdgeState.DOWN, record.heartbeat.purges)
        for record in fleet.edges()
    )


async def _keep_fresh(fleet: Fleet) -> None:
    refresh_at = 0.0
    clock = SystemClock()
    while True:
        await asyncio.sleep(SAVE_EVERY)
        try:
            await fleet.save()
            if clock.monotonic() >= refresh_at:
                refresh_at = clock.monotonic() + REFRESH_EVERY
                await fleet.refresh()
        except Exception:
            # Whatever it was, it must not be the end of looking.
            _log.exception("the catalog could not be read or written")


def _rules(settings: Settings) -> Rules:
    return Rules(
        regions=tuple(
            Region(region.name, region.title, region.latitude, region.longitude)
            for region in settings.regions
        ),
        copies_per_region=settings.copies_per_region,
        silence=settings.heartbeat_timeout,
        patience=settings.placement_patience,
    )


def _trusted(settings: Settings) -> tuple[Network, ...]:
    try:
        return parse_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsInvalid(
            file="settings", key="trusted_proxies", expected=f"expected networks: {error}"
        ) from error
