"""An edge put together: the one place that names its parts."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from common import logs
from common.clock import Clock, SystemClock
from common.errors import NearcastError, SettingsInvalid
from common.http.fields import Pairs
from common.metrics import new_registry
from common.service import (
    Listener,
    add_health_routes,
    listening,
    problem_middleware,
)
from common.service.client import client_context
from common.service.run import ProcessStop
from edge.account import account_of
from edge.admin import Admin
from edge.configured import (
    access_log_of,
    connections_of,
    fetches_of,
    limits_of_siblings,
    name_of,
    neighbourhood_of,
    rate_of,
    rules_of,
    tokens_of,
)
from edge.control_planes import ControlRefused
from edge.fetch.connection import Timeouts
from edge.fetch.fetches import Fetches
from edge.fetch.neighbourhood import Neighbourhood
from edge.fetch.pool import Pool
from edge.fill import FillAgent
from edge.lead import Lead
from edge.readings import readings
from edge.serve.counters import Counters, Reading
from edge.serve.front import Front
from edge.serve.handler import Viewers
from edge.serve.lanes import express_lane
from edge.serve.merged_metrics import merge_expositions
from edge.serve.noting import record_of
from edge.serve.prefetch import Prefetch
from edge.serve.protocol import ViewerServer
from edge.serve.ready import Means
from edge.serve.requests import Visit
from edge.settings import Settings
from edge.store.claim import TICKETS, Claim
from edge.store.tallies import Tallies
from edge.token_keys import with_token_keys
from edge.workers import (
    Duties,
    Line,
    Siblings,
    WorkerSpec,
    YieldingCache,
    admin_socket,
    ended,
    inherited,
    supervisor_command,
    told,
    viewers_socket,
)

__all__ = ["Settings", "main", "worker_main"]

SWEEP_EVERY = 1.0
"""Seconds between looks for what purges have taken."""
TIMEOUTS = Timeouts(connect=5, first_byte=15, stall=10)

CROSS_ORIGIN: Pairs = (
    ("Server", "nearcast"),
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "Age, Cache-Status, Content-Length, Content-Range, ETag",
    ),
    ("Timing-Allow-Origin", "*"),
)

_log = logs.get(__name__)


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serves until ``stop``, then drains.

    A process that is told to end becomes its edge's supervisor, which starts the workers. Within
    another program, this one is the only worker.

    Raises:
        CacheInUse: another edge has the cache folder.
        SettingsInvalid: a setting cannot be carried out.
        StorageFull: no space is left for the cache's index.
        PortTaken: a port is another program's.
    """
    if settings.control is not None and (settings.region is None or settings.url is None):
        raise SettingsInvalid(
            file="edge", key="region, url", expected="both are needed with a control plane"
        )
    if settings.control is None and settings.control_fallbacks:
        raise SettingsInvalid(
            file="edge", key="control_fallbacks", expected="control, which is asked before them"
        )
    await asyncio.to_thread(with_token_keys, settings)
    async with AsyncExitStack() as stack:
        claim = await asyncio.to_thread(Claim, settings.cache_folder)
        stack.push_async_callback(asyncio.to_thread, claim.release)
        runtime = await asyncio.to_thread(claim.runtime)
        if isinstance(stop, ProcessStop):
            command = await asyncio.to_thread(supervisor_command, settings, claim, runtime)
            os.execv(command[0], command)  # noqa: S606 - it is this very program
        alone = msgspec.structs.replace(settings, workers=1)
        await _serve(WorkerSpec(alone, 0, runtime), stop)


async def worker_main(spec: WorkerSpec, stop: asyncio.Event, line: Line) -> None:
    """Serves as a worker process, until ``stop``; raises as ``main``."""
    await _serve(spec, stop, line)


async def _serve(spec: WorkerSpec, stop: asyncio.Event, line: Line | None = None) -> None:
    settings = await asyncio.to_thread(with_token_keys, spec.settings)
    spec, clock = msgspec.structs.replace(spec, settings=settings), SystemClock()
    async with AsyncExitStack() as stack:
        cache = await YieldingCache.open(
            settings.cache_folder,
            spec.runtime,
            disk_budget=settings.disk,
            memory_budget=settings.memory,
            worker=spec.number,
            workers=settings.workers,
        )
        assert isinstance(cache, YieldingCache)
        stack.push_async_callback(cache.close)
        context = await asyncio.to_thread(client_context, settings.ca)
        pool = Pool(context=context, timeouts=TIMEOUTS)
        stack.push_async_callback(pool.close)
        siblings = tallies = None
        if settings.workers > 1:
            siblings = Siblings(spec.runtime, spec.number, settings.workers)
            stack.push_async_callback(siblings.close)
            tallies = await asyncio.to_thread(Tallies, spec.runtime, settings.workers)
            stack.callback(tallies.close)
        neighbourhood = neighbourhood_of(settings, spec.runtime)
        fetches = fetches_of(settings, cache, pool, clock, neighbourhood)
        stack.push_async_callback(fetches.close)
        worker = _Worker(spec, cache, pool, fetches, neighbourhood, siblings, tallies, clock)
        await worker.run(stop, line)


class _Worker:
    """A process of an edge that runs; number 0 does what one process is enough for."""

    def __init__(
        self,
        spec: WorkerSpec,
        cache: YieldingCache,
        pool: Pool,
        fetches: Fetches,
        neighbourhood: Neighbourhood,
        siblings: Siblings | None,
        tallies: Tallies | None,
        clock: Clock,
    ) -> None:
        settings = self._settings = spec.settings
        self._spec, self._siblings, self._clock = spec, siblings, clock
        self._cache, self._pool, self._fetches = cache, pool, fetches
        self._registry: CollectorRegistry = new_registry()
        self._counters = Counters(self._registry, self._readings)
        self._access_log = access_log_of(settings)
        self._ready = False
        self._duties = Duties(cache, self._tidy)
        rules = rules_of(settings)
        added = CROSS_ORIGIN if rules.objects_only else ()
        name, tokens, rate = name_of(settings), tokens_of(settings), rate_of(settings, tallies)
        self._connections = connections_of(settings, tallies)
        self._viewers = Viewers(
            cache, fetches, clock, rules, name=name, added=added, siblings=siblings
        )
        self._prefetch = Prefetch(cache, fetches, rules, siblings, count=settings.prefetch)
        self._front = Front(
            self._viewers,
            self._counters,
            clock,
            rules,
            name=name,
            added=added,
            answered=self._prefetch.answered,
            tokens=tokens,
            rate=rate,
            noted=self._note if self._access_log is not None else None,
        )
        log = self._access_log
        lines = None if log is None else log.lines
        sender, counters = self._viewers.sender, self._counters
        self._lane = express_lane(
            Means(cache, fetches, clock, rules, sender, counters, name, lines),
            scheme="http" if settings.listen.certificate is None else "https",
            log=log,
            watched=self._prefetch.watched,
            tokens=tokens,
            rate=rate,
            siblings=siblings,
        )
        self._lead = self._leading(neighbourhood)
        if self._lead is None and settings.control is not None:
            self._duties.add(neighbourhood.watch)
        host = settings.admin.host if settings.admin is not None else None
        self._admin = Admin(cache, self._agent, clock, rules, host, settings.credentials)

    def _leading(self, neighbourhood: Neighbourhood) -> Lead | None:
        """What this process does for the whole edge, if it does."""
        settings, control = self._settings, self._settings.control
        if self._spec.number > 0 or control is None:
            return None
        return Lead(
            settings,
            control,
            self._cache,
            self._fetches,
            neighbourhood,
            self._siblings,
            self._counters,
            self._clock,
            ready=lambda: self._ready,
        )

    @property
    def _agent(self) -> FillAgent | None:
        return self._lead.agent if self._lead is not None else None

    async def run(self, stop: asyncio.Event, line: Line | None) -> None:
        """Serves until ``stop``; tells its supervisor on ``line``, where it has one."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._viewers.close)
            stack.push_async_callback(self._lane.crowds.close)
            stack.push_async_callback(self._prefetch.close)
            tasks: list[asyncio.Task[None]] = []
            if self._access_log is not None:
                tasks.append(asyncio.create_task(told(self._access_log.run, stop)))
                stack.push_async_callback(self._access_log.close)
            stack.push_async_callback(ended, tasks)
            stack.push_async_callback(self._duties.end)
            drain = self._settings.drain_seconds
            tickets = await asyncio.to_thread((self._spec.runtime / TICKETS).read_bytes)
            if self._lead is not None:
                await self._lead.prepare(stack, self._duties)
            async with listening(self._listeners(tickets), shutdown_timeout=drain):
                self._ready = True
                self._duties.begin(stop)
                if line is not None:
                    tasks.append(asyncio.create_task(self._duties.obey(line, stop)))
                    line.say("ready")
                await stop.wait()
                self._ready = False
                await self._duties.end()
                await self._take_leave()

    async def _take_leave(self) -> None:
        """Sees to it that others do what is new while this process finishes what it has begun."""
        if self._duties.yielded:
            # Viewers are not to notice: each gets one more answer, which says where it ends.
            self._server.drain_idle = self._settings.drain_seconds
            if self._siblings is not None:
                self._siblings.succeeded = True
        elif self._lead is not None:
            await self._lead.take_leave()

    def _listeners(self, tickets: bytes) -> Sequence[Listener]:
        settings, spec = self._settings, self._spec
        viewers = self._server = ViewerServer(
            self._front.handle,
            self._clock,
            express=self._lane.express,
            counters=self._counters,
            log=self._access_log,
            secure=settings.listen.certificate is not None,
            limits=settings.limits,
            connections=self._connections,
        )
        listen, sockets = settings.listen, inherited(spec.viewers)
        listeners = [Listener(viewers, listen, sockets, ticket_secret=tickets)]
        if settings.workers > 1:
            limits = limits_of_siblings(settings)
            internal = ViewerServer(self._front.handle_internal, self._clock, limits=limits)
            listeners.append(Listener(internal, viewers_socket(spec.runtime, spec.number)))
        if spec.number > 0:
            admin = admin_socket(spec.runtime, spec.number)
            listeners.append(Listener(self._admin_application(), admin))
        elif settings.admin is not None:
            application = self._admin_application()
            listeners.append(Listener(application, settings.admin, inherited(spec.admin)))
        return listeners

    async def _tidy(self) -> None:
        """Deletes what crashes and purges have left, at leisure."""
        if self._spec.number == 0:
            await self._cache.remove_orphans()
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                await self._cache.sweep()
                self._lane.hot.tidy()
                if self._spec.number == 0:
                    await self._cache.purges.forget_old(self._clock.now())
            except (NearcastError, OSError) as error:
                # A damaged index or a full disk: viewers are answered all the same.
                _log.warning("cache not tidied", reason=str(error))

    def _note(self, visit: Visit, began: float, seconds: float) -> None:
        assert self._access_log is not None
        self._access_log.note(record_of(visit, began, seconds))

    def _readings(self) -> list[Reading]:
        return readings(self._cache, self._pool, self._fetches, self._agent, self._access_log)

    async def _merged(self, own: str) -> str:
        """The metrics of all workers."""
        assert self._siblings is not None
        others = await self._siblings.tell("/metrics")
        texts = [own, *(other.decode() for other in others)]
        return await asyncio.to_thread(merge_expositions, texts)

    def _admin_application(self) -> web.Application:
        async def ready() -> dict[str, str]:
            reasons = {} if self._ready else {"edge": "it starts or drains"}
            trouble = self._lead.trouble if self._lead else None
            # An edge serves on while the control plane is away; one that it refuses never fills.
            if isinstance(trouble, ControlRefused):
                reasons["control"] = str(trouble)
            return reasons

        async def account(_: web.Request) -> web.Response:
            told = account_of(self._counters, self._cache, self._clock)
            return web.Response(body=msgspec.json.encode(told))

        application = web.Application(middlewares=[problem_middleware])
        leads = self._spec.number == 0 and self._siblings is not None
        merge = self._merged if leads else None
        add_health_routes(application, self._registry, ready, merge=merge)
        if self._spec.number > 0:
            # Its admin address is a socket that only this edge's processes may enter.
            application.router.add_get("/account", account)
        self._admin.add_routes(application)
        return application
