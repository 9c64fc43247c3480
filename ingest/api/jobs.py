"""``GET /v1/jobs``, ``/v1/jobs/{id}`` and its events."""

import asyncio
from typing import ClassVar

from aiohttp import web

from common.clock import Clock
from common.errors import BadRequest, NearcastError
from common.messages import JobView, encode
from common.service import Gatekeeper, Role
from ingest.jobs.events import Events, Subscription
from ingest.jobs.store import JobStore
from ingest.jobs.view import view_of

MOST_LISTED = 200
LISTED = 50

READ_AGAIN_AFTER = 2.0
"""Seconds after which a job is read again although no event came."""
PAUSE_BETWEEN = 0.25
"""Seconds between two events at least."""
KEEP_ALIVE_AFTER = 10.0
"""Seconds of silence that a comment ends, so that nothing on the way closes the connection."""
WRITE_WITHIN = 30.0
"""Seconds that a listener may take to take in an event."""


class JobUnknown(NearcastError):
    """There is no job {job_id!r}."""

    status = 404
    headers: ClassVar[dict[str, str]] = {"Cache-Control": "no-store"}


class JobsApi:
    """Shows jobs."""

    def __init__(
        self, gatekeeper: Gatekeeper, store: JobStore, events: Events, clock: Clock
    ) -> None:
        self._gatekeeper = gatekeeper
        self._store = store
        self._events = events
        self._clock = clock
        self._closing = asyncio.Event()

    def add_routes(self, application: web.Application) -> None:
        """Adds the routes of jobs to ``application``."""
        application.router.add_get("/v1/jobs", self.recent)
        application.router.add_get("/v1/jobs/{job_id}", self.one)
        application.router.add_get("/v1/jobs/{job_id}/events", self.follow)
        application.on_shutdown.append(self._shut_down)

    async def recent(self, request: web.Request) -> web.Response:
        """The newest jobs, newest first; ``limit`` says how many."""
        self._check(request)
        limit = _limit(request.query.get("limit"))
        jobs = await self._store.recent_jobs(limit)
        tasks = await self._store.tasks(job.job_id for job in jobs if not job.state.final)
        views = [view_of(job, [t for t in tasks if t.job_id == job.job_id]) for job in jobs]
        return _json(views)

    async def one(self, request: web.Request) -> web.Response:
        """One job."""
        self._check(request)
        return _json(await self._view(request.match_info["job_id"]))

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """A job as server-sent events (HTML §9.2): now, at each change, until it is final."""
        self._check(request)
        job_id = request.match_info["job_id"]
        with self._events.subscribe(job_id) as subscription:
            view = await self._view(job_id)
            response = web.StreamResponse(
                headers={
                    "Content-Type": "text/event-stream",
                    "Cache-Control": "no-store",
                    "X-Accel-Buffering": "no",
                }
            )
            await response.prepare(request)
            relay = asyncio.ensure_future(self._relay(response, subscription, view))
            closing = asyncio.ensure_future(self._closing.wait())
            try:
                await asyncio.wait([relay, closing], return_when=asyncio.FIRST_COMPLETED)
            finally:
                closing.cancel()
                relay.cancel()
                await asyncio.gather(relay, closing, return_exceptions=True)
        return response

    async def _relay(
        self, response: web.StreamResponse, subscription: Subscription, view: JobView
    ) -> None:
        sent: JobView | None = None
        spoke_at = self._clock.monotonic()
        while True:
            if view != sent:
                await _send(response, b"event: job\ndata: " + encode(view) + b"\n\n")
                sent, spoke_at = view, self._clock.monotonic()
                if view.state.final:
                    return
            elif self._clock.monotonic() - spoke_at >= KEEP_ALIVE_AFTER:
                await _send(response, b": still here\n\n")
                spoke_at = self._clock.monotonic()
            await asyncio.sleep(PAUSE_BETWEEN)
            await subscription.wait(READ_AGAIN_AFTER)
            try:
                view = await self._view(view.job_id)
            except NearcastError:
                # The database is away for a moment: the next look will tell.
                continue

    async def _view(self, job_id: str) -> JobView:
        job = await self._store.job(job_id)
        if job is None:
            raise JobUnknown(job_id=job_id[:64])
        tasks = () if job.state.final else await self._store.tasks([job_id])
        return view_of(job, tasks)

    def _check(self, request: web.Request) -> None:
        self._gatekeeper.require(request, Role.PUBLISHER, Role.CONTROL)

    async def _shut_down(self, _: web.Application) -> None:
        self._closing.set()


async def _send(response: web.StreamResponse, event: bytes) -> None:
    async with asyncio.timeout(WRITE_WITHIN):
        await response.write(event)


def _limit(given: str | None) -> int:
    if given is None:
        return LISTED
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MOST_LISTED):
        raise BadRequest(detail=f"The limit must be a number from 1 to {MOST_LISTED}.")
    return int(given)


def _json(body: JobView | list[JobView]) -> web.Response:
    return web.Response(
        body=encode(body),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
