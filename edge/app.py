"""An edge put together: the one place that names its parts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from aiohttp import web
from prometheus_client import CollectorRegistry

from common import logs
from common.clock import Clock, SystemClock
from common.messages import Heartbeat, encode
from common.metrics import new_registry
from common.service import (
    Gatekeeper,
    Listener,
    Role,
    add_health_routes,
    listening,
    new_client_session,
    problem_middleware,
)
from edge.fetch import Fetches, Upstream
from edge.fetch.upstream import TIMEOUTS
from edge.fill import FillAgent
from edge.report import ControlRefused, Reporter
from edge.serve.counters import Counters
from edge.serve.handler import Viewers
from edge.settings import Settings
from edge.store import Cache

__all__ = ["Settings", "main"]

_log = logs.get(__name__)


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serves until ``stop``, then drains.

    Raises:
        SettingsInvalid: a setting cannot be carried out.
        StorageFull: no space is left for the cache's index.
        PortTaken: a port is another program's.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        cache = await Cache.open(
            settings.cache_folder, disk_budget=settings.disk, memory_budget=settings.memory
        )
        stack.push_async_callback(cache.close)
        session = await new_client_session(
            settings.ca, token=settings.origin.token, timeout=TIMEOUTS
        )
        stack.push_async_callback(session.close)
        upstream = Upstream(session, settings.origin.url)
        fetches = Fetches(cache, upstream, clock)
        stack.push_async_callback(fetches.close)
        agent = FillAgent(
            settings.edge_id,
            cache,
            fetches,
            settings.cache_folder,
            concurrency=settings.fill_concurrency,
        )
        edge = _Edge(settings, cache, upstream, fetches, agent, clock)
        await edge.run(stop)


class _Edge:
    """An edge that runs."""

    def __init__(
        self,
        settings: Settings,
        cache: Cache,
        upstream: Upstream,
        fetches: Fetches,
        agent: FillAgent,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._upstream = upstream
        self._fetches = fetches
        self._agent = agent
        self._clock = clock
        self._registry: CollectorRegistry = new_registry()
        self._counters = Counters(self._registry, self._gauges)
        self._started_at = clock.now()
        self._ready = False
        self._reporter: Reporter | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until ``stop``."""
        await self._agent.restore()
        viewers = Viewers(
            self._settings.edge_id, self._cache, self._fetches, self._counters, self._clock
        )
        listeners = [
            Listener(_viewers_application(viewers), self._settings.listen),
            Listener(self._admin_application(), self._settings.admin),
        ]
        async with AsyncExitStack() as stack:
            tasks = [asyncio.create_task(_told(self._agent.run, stop))]
            stack.push_async_callback(_end, tasks)
            async with listening(listeners):
                self._ready = True
                if self._settings.control is not None:
                    session = await new_client_session(
                        self._settings.ca, token=self._settings.control.token
                    )
                    stack.push_async_callback(session.close)
                    self._reporter = Reporter(
                        session,
                        self._settings.control.url,
                        self._settings.edge_id,
                        interval=self._settings.heartbeat_interval,
                        compose=self._heartbeat,
                        agent=self._agent,
                    )
                    tasks.append(asyncio.create_task(_told(self._reporter.run, stop)))
                await stop.wait()
                self._ready = False
                await _end(tasks)
                if self._reporter is not None:
                    # So that no more viewers are sent here while the last ones are served.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await self._reporter.beat()

    def _heartbeat(self, sequence: int) -> Heartbeat:
        totals = self._counters.totals
        pending, pending_bytes = self._agent.pending
        return Heartbeat(
            edge_id=self._settings.edge_id,
            region=self._settings.region,
            url=self._settings.url,
            started_at=self._started_at,
            sequence=sequence,
            ready=self._ready,
            desired_revision=self._agent.revision,
            holdings_revision=self._agent.holdings().revision,
            capacity_bytes=int(self._settings.disk),
            used_bytes=self._cache.used,
            requests=totals.requests,
            hits=totals.hits,
            bytes_sent=totals.bytes_sent,
            fill_pending=pending,
            fill_bytes_pending=pending_bytes,
            active_connections=totals.active,
        )

    def _gauges(self) -> dict[str, float]:
        pending, pending_bytes = self._agent.pending
        return {
            "nearcast_edge_objects": len(self._cache),
            "nearcast_edge_disk_bytes": self._cache.used,
            "nearcast_edge_memory_bytes": self._cache.memory.used,
            "nearcast_edge_evictions": self._cache.evictions,
            "nearcast_edge_corrupted_objects": self._cache.corrupted,
            "nearcast_edge_upstream_requests": self._upstream.requests,
            "nearcast_edge_fetches": len(self._fetches),
            "nearcast_edge_fill_pending_objects": pending,
            "nearcast_edge_fill_pending_bytes": pending_bytes,
        }

    def _admin_application(self) -> web.Application:
        gatekeeper = Gatekeeper(self._settings.credentials)

        async def ready() -> dict[str, str]:
            reasons = {} if self._ready else {"edge": "it starts or drains"}
            trouble = self._reporter.trouble if self._reporter else None
            # An edge serves on while the control plane is away; one that it refuses never fills.
            if isinstance(trouble, ControlRefused):
                reasons["control"] = str(trouble)
            return reasons

        async def holdings(request: web.Request) -> web.Response:
            gatekeeper.require(request, Role.OPERATOR)
            return web.Response(
                body=encode(self._agent.holdings()), content_type="application/json"
            )

        application = web.Application(middlewares=[problem_middleware])
        add_health_routes(application, self._registry, ready)
        application.router.add_get("/v1/holdings", holdings)
        return application


def _viewers_application(viewers: Viewers) -> web.Application:
    application = web.Application(middlewares=[problem_middleware])
    application.router.add_route("*", "/{path:.*}", viewers.handle)
    return application


async def _told(work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Runs what must not end; if it does, tells and stops the edge, which is then started anew."""
    try:
        await work()
    except Exception:
        _log.exception("a part of the edge failed")
        stop.set()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
