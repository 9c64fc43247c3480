"""The origin: object stores, answered to edges over HTTP. Composes the role from its parts."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from common import logs, metrics
from common.clock import SystemClock
from common.service import (
    Gatekeeper,
    Listener,
    add_health_routes,
    listening,
    problem_middleware,
)
from origin.deliver import Delivery
from origin.remove import Deletion
from origin.replicas.metrics import ReplicaMetrics
from origin.replicas.reading import Reading
from origin.replicas.regions import Regions, open_regions
from origin.replicas.replication import Replication
from origin.settings import Settings

__all__ = ["Settings", "build", "main"]

_log = logs.get(__name__)


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Delivers objects until ``stop`` is set, then lets answers in flight finish.

    Raises:
        SettingsInvalid: a store or a certificate is of no use.
        PortTaken: another program has the port.
    """
    async with open_regions(settings) as regions:
        application = build(settings, regions)
        async with listening([Listener(application, settings.listen)]):
            _log.info("origin ready", host=settings.listen.host, port=settings.listen.port)
            await stop.wait()


def build(settings: Settings, regions: Regions) -> web.Application:
    """The origin's application over ``regions``."""
    registry = metrics.new_registry()
    clock = SystemClock()
    counted = ReplicaMetrics(registry, regions)
    replication = Replication(regions, settings.replication, clock, counted)
    copies = bool(regions.sources) and settings.replication.enabled
    reading = Reading(
        regions,
        missed=replication.asked if copies else lambda _: None,
        helped=lambda name: counted.elsewhere.labels(name).inc(),
    )

    async def ready() -> dict[str, str]:
        # Alone, a store is asked there and then, as it was when no other was there to ask.
        if not regions.sources:
            await regions.probe()
        return regions.unready()

    async def beside(_: web.Application) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(regions.watch())]
            if copies:
                tasks.append(group.create_task(replication.run()))
            yield
            for task in tasks:
                task.cancel()

    application = web.Application(middlewares=[problem_middleware])
    gatekeeper = Gatekeeper(settings.credentials)
    Delivery(reading, gatekeeper, clock, registry).add_routes(application)
    Deletion(regions, gatekeeper, clock).add_routes(application)
    add_health_routes(application, registry, ready, away=regions.away)
    application.cleanup_ctx.append(beside)
    return application
