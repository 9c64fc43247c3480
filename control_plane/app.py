"""The control plane put together: the one place that names its parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp
from aiohttp import web

from common import logs
from common.clock import Clock, SystemClock
from common.errors import SettingsInvalid
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
from control_plane.api.play import PlayApi
from control_plane.api.standing import StandingApi
from control_plane.api.versions import VersionsApi
from control_plane.catalog import open_catalog
from control_plane.dashboard.jobs import IngestJobs
from control_plane.dashboard.page import Page
from control_plane.fleet import Fleet, Rules
from control_plane.geoip import GeoDatabase
from control_plane.metrics import ControlMetrics
from control_plane.removal.desk import Desk
from control_plane.removal.origin import Remover
from control_plane.routing import Network, Region, parse_networks
from control_plane.settings import Settings
from control_plane.standing import Standings, open_standings

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
    geography = await _geography(settings)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        catalog = await open_catalog(settings.database)
        stack.push_async_callback(catalog.close)
        fleet = Fleet(catalog, clock, _rules(settings))
        await fleet.refresh()
        standings = await _standings(settings, clock, stack)
        jobs = None
        if settings.ingest is not None:
            session = await _session(settings, settings.ingest, stack)
            jobs = IngestJobs(session, settings.ingest.url, clock)
        origin = None
        if settings.origin is not None:
            session = await _session(settings, settings.origin, stack)
            origin = (session, settings.origin.url)
        remover = Remover(catalog, fleet, clock, origin)
        desk = Desk(catalog, fleet, remover, clock)
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
        application.router.add_routes(
            FleetApi(fleet, desk, standings, gatekeeper, metrics).routes()
        )
        application.router.add_routes(StandingApi(fleet, standings, gatekeeper).routes())
        application.router.add_routes(VersionsApi(fleet, desk, gatekeeper).routes())
        application.router.add_routes(play.routes())
        application.router.add_routes(page.routes())
        application.on_response_prepare.append(play.allow_any_origin)

        async def ready() -> dict[str, str]:
            return {"catalog": fleet.away} if fleet.away is not None else {}

        add_health_routes(application, registry, ready)
        await stack.enter_async_context(_kept_fresh(fleet, standings))
        await stack.enter_async_context(_removing(remover))
        async with listening([Listener(application, settings.listen)]):
            await stop.wait()


async def _geography(settings: Settings) -> GeoDatabase | None:
    if settings.geoip is None:
        return None
    return await asyncio.to_thread(GeoDatabase, settings.geoip)


async def _standings(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Standings:
    store = await open_standings(settings.database)
    stack.push_async_callback(store.close)
    standings = Standings(store, clock)
    await standings.refresh()
    return standings


async def _session(
    settings: Settings, peer: PeerSettings, stack: AsyncExitStack
) -> aiohttp.ClientSession:
    session = await new_client_session(settings.ca, token=peer.token)
    stack.push_async_callback(session.close)
    return session


@asynccontextmanager
async def _kept_fresh(fleet: Fleet, standings: Standings) -> AsyncIterator[None]:
    """Keeps catalog and picture alike while the block runs, and writes down what is left."""
    keeping = asyncio.create_task(_keep_fresh(fleet, standings))
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
async def _removing(remover: Remover) -> AsyncIterator[None]:
    """Carries removals out while the block runs."""
    removing = asyncio.create_task(remover.run())
    try:
        yield
    finally:
        removing.cancel()
        with suppress(asyncio.CancelledError):
            await removing


async def _keep_fresh(fleet: Fleet, standings: Standings) -> None:
    refresh_at = 0.0
    clock = SystemClock()
    while True:
        await asyncio.sleep(SAVE_EVERY)
        try:
            await fleet.save()
            if clock.monotonic() >= refresh_at:
                refresh_at = clock.monotonic() + REFRESH_EVERY
                await fleet.refresh()
                await standings.refresh()
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
