"""``GET /v1/jobs``, ``/v1/jobs/{id}`` and its events; cancelling, and deciding what was held."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from aiohttp import web

from common.clock import Clock
from common.errors import BadRequest, NearcastError
from common.messages import JobState, JobView, Review, ReviewRequest, decode, encode
from common.service import Credential, Gatekeeper, Role
from ingest.jobs.events import Events, Subscription
from ingest.jobs.model import Job, Task
from ingest.jobs.requests import cancelled, reviewed
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
LONGEST_REQUEST = 16 * 1024
"""Bytes."""
WRITE_WITHIN = 30.0
"""Seconds that a listener may take to take in an event."""


class JobUnknown(NearcastError):
    """There is no job {job_id!r}."""

    status = 404
    headers: ClassVar[dict[str, str]] = {"Cache-Control": "no-store"}


class JobsApi:
    """Shows jobs."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        store: JobStore,
        events: Events,
        clock: Clock,
        *,
        advance: Callable[[str], Awaitable[None]],
    ) -> None:
        """``advance`` carries out what a job that has changed needs next."""
        self._advance = advance
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
        application.router.add_post("/v1/jobs/{job_id}/cancel", self.cancel)
        application.router.add_post("/v1/jobs/{job_id}/review", self.review)
        application.on_shutdown.append(self._shut_down)

    async def recent(self, request: web.Request) -> web.Response:
        """The newest jobs, newest first: ``limit`` of them, all in ``state`` where that is given.

        A publisher sees its own.
        """
        credential = self._check(request)
        limit = _limit(request.query.get("limit"))
        state = _state(request.query.get("state"))
        owner = None if credential.may(Role.CONTROL) else credential.name
        jobs = await self._store.recent_jobs(limit, owner, state)
        tasks: dict[str, list[Task]] = {job.job_id: [] for job in jobs}
        for task in await self._store.tasks(job.job_id for job in jobs if not job.state.final):
            tasks[task.job_id].append(task)
        views = [view_of(job, tasks[job.job_id]) for job in jobs]
        return _json(views)

    async def one(self, request: web.Request) -> web.Response:
        """One job."""
        return _json(await self._view(await self._job(request)))

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """A job as server-sent events (HTML §9.2): now, at each change, until it is final."""
        job = await self._job(request)
        with self._events.subscribe(job.job_id) as subscription:
            view = await self._view(job)
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

    async def cancel(self, request: web.Request) -> web.Response:
        """Ends a job, unless its video is being published."""
        job = await self._job(request)
        return await self._change(job, lambda job: cancelled(job, self._clock.now()))

    async def review(self, request: web.Request) -> web.Response:
        """Publishes a video that the content filters held, or never."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        body = await request.content.read(LONGEST_REQUEST + 1)
        if len(body) > LONGEST_REQUEST:
            raise BadRequest(detail=f"A decision takes {LONGEST_REQUEST} bytes at most.")
        wanted = decode(body, ReviewRequest)
        job = await self._job(request)
        review = Review(wanted.approve, credential.name, wanted.note, self._clock.now())
        return await self._change(job, lambda job: reviewed(job, review))

    async def _change(self, job: Job, change: Callable[[Job], Job]) -> web.Response:
        """Writes the changed record; others may change it at the same time."""
        while (changed := change(job)) is not job:
            if await self._store.swap_job(job, changed):
                await self._advance(job.job_id)
                break
            job = await self._existing(job.job_id)
        return _json(await self._view(await self._existing(job.job_id)))

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
                view = await self._view(await self._existing(view.job_id))
            except NearcastError:
                # The database is away for a moment: the next look will tell.
                continue

    async def _view(self, job: Job) -> JobView:
        tasks = () if job.state.final else await self._store.tasks([job.job_id])
        return view_of(job, tasks)

    async def _job(self, request: web.Request) -> Job:
        """The job that ``request`` names, for whom it belongs to."""
        credential = self._check(request)
        job = await self._existing(request.match_info["job_id"])
        if job.owner != credential.name and not credential.may(Role.CONTROL):
            raise JobUnknown(job_id=job.job_id)
        return job

    async def _existing(self, job_id: str) -> Job:
        job = await self._store.job(job_id)
        if job is None:
            raise JobUnknown(job_id=job_id[:64])
        return job

    def _check(self, request: web.Request) -> Credential:
        return self._gatekeeper.require(request, Role.PUBLISHER, Role.CONTROL)

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


def _state(given: str | None) -> JobState | None:
    try:
        return None if given is None else JobState(given)
    except ValueError:
        known = ", ".join(JobState)
        raise BadRequest(detail=f"There is no such state of a job; known are {known}.") from None


def _json(body: JobView | list[JobView]) -> web.Response:
    return web.Response(
        body=encode(body),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
