"""Puts ingest together: the roles ``ingest`` (uploads and jobs) and ``worker`` (their tasks)."""

import asyncio
import contextlib
import math
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from common import logs
from common.clock import Clock, SystemClock
from common.errors import NearcastError
from common.metrics import new_registry
from common.service import (
    Gatekeeper,
    Listener,
    ListenSettings,
    add_health_routes,
    listening,
    new_client_session,
    problem_middleware,
)
from common.service.lookups import Identifying, TokenLookups
from ingest.api.cors import CrossOrigin
from ingest.api.jobs import JobsApi
from ingest.api.multipart import MultipartApi
from ingest.api.subtitles import SubtitlesApi
from ingest.api.uploads import UploadsApi
from ingest.api.videos import VideosApi
from ingest.api.watch import WatchApi
from ingest.filter import check_chain
from ingest.introspection import Introspection, act_as
from ingest.jobs.conductor import Conductor
from ingest.jobs.dispatch import TaskDispatch, embedded_broker, redis_broker
from ingest.jobs.events import Events, MemoryEvents, RedisEvents
from ingest.jobs.queues import GIB, queues_of
from ingest.jobs.scratch import Scratch
from ingest.jobs.sources import Sources
from ingest.jobs.store import JobStore, open_job_store
from ingest.jobs.sweeper import Sweeper
from ingest.jobs.tasks import JobWork, Tools
from ingest.jobs.worker import Capacity, Worker
from ingest.metrics import IngestMetrics
from ingest.settings import BrokerSettings, Settings, WorkerSettings, WorkSettings
from ingest.uploads import Uploads, open_uploads
from origin.store import ObjectStore, open_store

DRAIN = 1.5
"""Seconds that answers in flight get when the process is told to stop."""

COUNT_JOBS_EVERY = 15.0
"""Seconds."""

_log = logs.get(__name__)

__all__ = ["Settings", "WorkerSettings", "main", "worker_main"]


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """The role ``ingest``; without a broker it works on tasks too.

    Raises:
        NearcastError: what it needs to start is not there.
    """
    async with _engine(settings, settings.broker) as engine, AsyncExitStack() as stack:
        uploads = await stack.enter_async_context(
            open_uploads(
                settings,
                objects=engine.objects,
                jobs=engine.jobs,
                clock=engine.clock,
                accepted=engine.conductor.advance,
                observe=engine.metrics.received,
            )
        )
        background = [_sweeping(engine), _counting(engine), uploads.sweep.run()]
        await stack.enter_async_context(_running(background))
        if settings.broker is None:
            await stack.enter_async_context(_working(settings, engine))
        application = await _ingest_application(settings, engine, uploads, stack)
        await stack.enter_async_context(_answering(application, settings.listen))
        await stop.wait()


async def worker_main(settings: WorkerSettings, stop: asyncio.Event) -> None:
    """The role ``worker``.

    Raises:
        NearcastError: what it needs to start is not there.
    """
    async with _engine(settings, settings.broker) as engine:
        application = web.Application(middlewares=[problem_middleware])
        add_health_routes(application, engine.registry, engine.unready)
        async with (
            _running([_sweeping(engine)]),
            _working(settings, engine),
            _answering(application, settings.listen),
        ):
            await stop.wait()


@dataclass(frozen=True)
class _Engine:
    """What both roles stand on."""

    objects: ObjectStore
    jobs: JobStore
    events: Events
    dispatch: TaskDispatch
    conductor: Conductor
    clock: Clock
    registry: CollectorRegistry
    metrics: IngestMetrics

    async def unready(self) -> dict[str, str]:
        """What keeps the role from being ready."""
        checks: dict[str, Awaitable[None]] = {
            "database": self.jobs.ping(),
            "store": _look_into(self.objects),
        }
        reasons = {}
        for name, check in checks.items():
            try:
                async with asyncio.timeout(5):
                    await check
            except (NearcastError, TimeoutError) as error:
                reasons[name] = str(error) or "it does not answer"
        return reasons


async def _look_into(objects: ObjectStore) -> None:
    async with contextlib.aclosing(objects.list("readiness/")) as found:
        async for _ in found:
            break


@asynccontextmanager
async def _engine(settings: WorkSettings, broker: BrokerSettings | None) -> AsyncIterator[_Engine]:
    # Plug-ins are imported for that, which reads files.
    await asyncio.to_thread(check_chain, settings.filters)
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        registry = new_registry()
        objects = await stack.enter_async_context(open_store(settings.store))
        jobs = await open_job_store(settings.database)
        stack.push_async_callback(jobs.close)
        events: Events = MemoryEvents() if broker is None else RedisEvents(broker.redis)
        stack.push_async_callback(events.close)
        dispatch = TaskDispatch(embedded_broker() if broker is None else redis_broker(broker.redis))
        stack.push_async_callback(dispatch.stop)
        yield _Engine(
            objects=objects,
            jobs=jobs,
            events=events,
            dispatch=dispatch,
            conductor=Conductor(
                jobs, dispatch, events, clock, [hook.name for hook in settings.webhooks]
            ),
            clock=clock,
            registry=registry,
            metrics=IngestMetrics(registry),
        )


async def _identifying(
    settings: Settings, gatekeeper: Gatekeeper, clock: Clock, stack: AsyncExitStack
) -> Identifying:
    """What has ``gatekeeper`` know accounts, of which the control plane tells."""
    session = await new_client_session(settings.ca, token=settings.control.token)
    stack.push_async_callback(session.close)
    lookups = TokenLookups(Introspection(session, settings.control.url).find, clock)
    stack.push_async_callback(lookups.close)
    return Identifying(gatekeeper, lookups, act_as=act_as)


async def _ingest_application(
    settings: Settings, engine: _Engine, uploads: Uploads, stack: AsyncExitStack
) -> web.Application:
    gatekeeper = Gatekeeper(settings.credentials)
    identifying = await _identifying(settings, gatekeeper, engine.clock, stack)
    limits: dict[str, Any] = {
        "limit_of": lambda profile: int(settings.limits_of(profile).max_bytes),
        "observe": engine.metrics.upload,
    }
    application = web.Application(middlewares=[problem_middleware, identifying.middleware()])
    CrossOrigin(settings.allowed_origins).add_to(application)
    VideosApi(
        gatekeeper, uploads.receiver, uploads.admission, look_up=identifying.look_up, **limits
    ).add_routes(application)
    MultipartApi(gatekeeper, uploads.direct, uploads.admission, engine.jobs, **limits).add_routes(
        application
    )
    UploadsApi(
        gatekeeper, uploads.resumable, uploads.admission, limit=settings.largest_file, **limits
    ).add_routes(application)
    JobsApi(
        gatekeeper,
        engine.jobs,
        engine.events,
        engine.clock,
        advance=engine.conductor.advance,
    ).add_routes(application)
    SubtitlesApi(
        gatekeeper,
        engine.jobs,
        engine.objects,
        engine.clock,
        stall_timeout=settings.upload.stall_seconds,
    ).add_routes(application)
    WatchApi(gatekeeper, engine.jobs, engine.objects, engine.clock).add_routes(application)
    add_health_routes(application, engine.registry, engine.unready)
    return application


@asynccontextmanager
async def _working(settings: WorkSettings, engine: _Engine) -> AsyncIterator[None]:
    """Works on tasks while the block runs; then lets go of them, so that others may go on."""
    name = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        scratch = await Scratch.open(settings.work_folder, name)
        stack.push_async_callback(scratch.close)
        session = await new_client_session(
            settings.ca,
            token=settings.control.token,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30),
        )
        stack.push_async_callback(session.close)
        outside = await new_client_session(settings.ca)
        stack.push_async_callback(outside.close)
        tools = Tools(
            objects=engine.objects,
            jobs=engine.jobs,
            sources=Sources(engine.objects, scratch.folder, in_place=settings.store.folder),
            scratch=scratch,
            session=session,
            control=settings.control.url,
            steering=settings.steering,
            clock=engine.clock,
            outside=outside,
            webhooks={hook.name: hook for hook in settings.webhooks},
            short_seconds=settings.short_seconds,
            limits_of=settings.limits_of,
            inspection=settings.inspection,
            filters=settings.filters,
            plan=settings.plan,
            encoding=settings.encoding,
            keep_sources=settings.keep_sources,
        )
        takes = settings.takes
        capacity = Capacity(
            queues_of(takes.kinds, takes.codecs),
            memory=math.inf if takes.memory is None else takes.memory / GIB,
        )
        worker = Worker(
            name,
            store=engine.jobs,
            dispatch=engine.dispatch,
            events=engine.events,
            conductor=engine.conductor,
            work=JobWork(tools),
            clock=engine.clock,
            capacity=capacity,
            observe=engine.metrics.attempt,
        )
        await engine.dispatch.start(worker.look, capacity.queues, concurrency=settings.concurrency)
        stack.push_async_callback(engine.dispatch.stop)
        yield


@asynccontextmanager
async def _answering(application: web.Application, listen: ListenSettings) -> AsyncIterator[None]:
    async with listening([Listener(application, listen)], shutdown_timeout=DRAIN):
        _log.info("listening", host=listen.host, port=listen.port)
        yield


@asynccontextmanager
async def _running(forever: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs coroutines that never end while the block runs."""
    tasks = [asyncio.create_task(coroutine) for coroutine in forever]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _sweeping(engine: _Engine) -> Coroutine[Any, Any, None]:
    return Sweeper(engine.jobs, engine.dispatch, engine.conductor, engine.clock).run()


async def _counting(engine: _Engine) -> None:
    while True:
        with contextlib.suppress(NearcastError):
            engine.metrics.jobs(await engine.jobs.count_open())
        await asyncio.sleep(COUNT_JOBS_EVERY)
