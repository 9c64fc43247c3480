"""Puts the parts together and answers until it is told to stop."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from common.service import Gatekeeper, Listener, add_health_routes, listening, problem_middleware
from control_plane.api.asking import allow_any_origin
from control_plane.api.fleet import FleetApi
from control_plane.api.floods import Floods
from control_plane.api.networks import NetworksApi
from control_plane.api.openapi import OpenApi
from control_plane.api.orders import OrdersApi
from control_plane.api.preflight import preflight_routes
from control_plane.api.purges import PurgesApi
from control_plane.api.standing import StandingApi
from control_plane.api.versions import VersionsApi
from control_plane.app.known import Known, know
from control_plane.app.naming import name
from control_plane.app.people import add_people
from control_plane.app.running import begin, kept, peer_of, planning, running, stay
from control_plane.app.steered import steer_api
from control_plane.app.talking import talk
from control_plane.app.viewers import express, open_keys, open_router, viewer_apis
from control_plane.app.watching import Watching, watching
from control_plane.dashboard.jobs import IngestJobs
from control_plane.dashboard.page import Page
from control_plane.lag import PublishLag
from control_plane.removal.desk import Desk
from control_plane.removal.origin import Remover
from control_plane.router import Router
from control_plane.settings import Settings


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Answers until ``stop``.

    Raises:
        SettingsInvalid: a setting cannot be carried out.
        GeoDatabaseUnusable: a GeoIP database is missing or broken.
        Unavailable: the catalog's database does not answer, and there is no snapshot.
        PortTaken: the port is another program's.
    """
    begin(stop)
    async with AsyncExitStack() as stack:
        known = await know(settings, stack)
        origin = await peer_of(settings, settings.origin, stack)
        remover = Remover(known.catalog, known.library, known.fleet, known.clock, origin)
        keys = await open_keys(settings, known, stack)
        router = await open_router(settings, known, keys, stack)
        assets = await watching(settings, known, stack)
        floods = Floods(settings.play, known.clock)
        application = await _application(settings, known, remover, router, floods, assets, stack)
        await stack.enter_async_context(kept(known.keeper))
        await stack.enter_async_context(assets.running())
        for work in (remover.run, known.purges.run, known.watch.run):
            await stack.enter_async_context(running(work))
        await talk(settings, known, keys, stack)
        if known.snapshots is not None:
            await stack.enter_async_context(running(partial(known.snapshots.run, known.keeper)))
        await stack.enter_async_context(planning(known.planner))
        await name(settings, known, router, stack)
        connection = express(known, router, floods, assets.plays)
        stay(stop)
        async with listening([Listener(application, settings.listen, connection=connection)]):
            await stop.wait()


async def _application(
    settings: Settings,
    known: Known,
    remover: Remover,
    router: Router,
    floods: Floods,
    assets: Watching,
    stack: AsyncExitStack,
) -> web.Application:
    fleet, library, clock = known.fleet, known.library, known.clock
    ingest = await peer_of(settings, settings.ingest, stack)
    jobs = IngestJobs(*ingest, clock) if ingest is not None else None
    desk = Desk(known.catalog, library, fleet, known.watch, remover, clock)
    gatekeeper = Gatekeeper(settings.credentials)
    known.watch.valid_until = gatekeeper.valid_until
    lag = PublishLag(library, clock, fleet.others_hold, known.metrics.lag)
    fleet.on_complete(lag.completed)
    steer = steer_api(settings, known, router)
    orders = _orders(known, gatekeeper)
    page = await asyncio.to_thread(
        Page,
        library,
        known.views,
        router,
        assets.metadata.shown,
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
    accounts = await add_people(settings, known, gatekeeper, application, stack)
    for api in (
        FleetApi(library, known.views, desk, known.purges, gatekeeper, known.metrics),
        orders,
        StandingApi(fleet, known.standings, gatekeeper),
        VersionsApi(known.views, assets.metadata, desk, gatekeeper),
        PurgesApi(known.purges, gatekeeper),
        NetworksApi(known.networks, gatekeeper),
        *known.told.apis(gatekeeper),
        *viewer_apis(known, router, floods, gatekeeper),
        steer,
        page,
    ):
        application.router.add_routes(api.routes())
    assets.add_to(application, router, gatekeeper, accounts)
    application.router.add_routes(preflight_routes())
    application.router.add_routes(OpenApi(application).routes())
    application.on_response_prepare.append(allow_any_origin)
    application.on_shutdown.append(orders.end)
    _add_health(application, known)
    return application


def _add_health(application: web.Application, known: Known) -> None:
    async def ready() -> dict[str, str]:
        # It listens once it knows enough, and routes on without what is away: where all control
        # planes miss one database, none of them may be taken out for it.
        return {}

    add_health_routes(application, known.registry, ready, away=known.away)


def _orders(known: Known, gatekeeper: Gatekeeper) -> OrdersApi:
    return OrdersApi(
        known.library,
        known.fleet,
        known.placements,
        known.planner,
        known.purges,
        known.neighbourhoods,
        known.news,
        gatekeeper,
        known.clock,
    )
