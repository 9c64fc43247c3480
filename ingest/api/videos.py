"""``PUT /v1/videos``: one streaming upload."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import hdrs, web

from common import logs
from common.errors import NearcastError
from common.messages import encode
from common.service import Gatekeeper, Role, problem_response
from ingest.jobs.view import view_of
from ingest.upload.errors import UploadsTooMany
from ingest.upload.receive import Receiver
from ingest.upload.request import UploadRequest, check_length, check_request

_log = logs.get(__name__)

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class VideosApi:
    """Answers uploads."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        receiver: Receiver,
        *,
        limit: int,
        uploads_at_once: int,
        accepted: Callable[[str], Awaitable[None]],
        observe: Callable[[int], None],
    ) -> None:
        """``limit`` is in bytes.

        ``accepted`` is called with each new job's id after the answer is made, and ``observe`` with
        the status of each answer.
        """
        self._gatekeeper = gatekeeper
        self._receiver = receiver
        self._accepted = accepted
        self._observe = observe
        self._following: set[asyncio.Task[None]] = set()
        self._limit = limit
        self._uploads_at_once = uploads_at_once
        self._running = 0

    def add_routes(self, application: web.Application) -> None:
        """Adds the route of uploads to ``application``."""
        application.router.add_put("/v1/videos", self.upload, expect_handler=self._expect)

    async def _expect(self, request: web.Request) -> web.StreamResponse | None:
        """Says "go on" (RFC 9110 §10.1.1) only to an upload that would be taken."""
        if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
            raise web.HTTPExpectationFailed
        try:
            self._check(request)
        except NearcastError as error:
            refusal = _refusal(error)
            self._observe(refusal.status)
            return refusal
        if request.transport is not None:
            request.transport.write(_CONTINUE)
        return None

    async def upload(self, request: web.Request) -> web.Response:
        """201 with the job, when bytes and job are durable."""
        response = await self._receive(request)
        self._observe(response.status)
        return response

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            wanted, owner = self._check(request)
            with self._counted():
                job = await self._receiver.receive(
                    wanted, owner, request.content, request.content_length
                )
        except NearcastError as error:
            return _refusal(error)
        # The client need not wait for that, and the sweeper makes good what a crash cuts off.
        following = asyncio.ensure_future(self._begin(job.job_id))
        self._following.add(following)
        following.add_done_callback(self._following.discard)
        return web.Response(
            status=201,
            body=encode(view_of(job, ())),
            content_type="application/json",
            headers={"Location": f"/v1/jobs/{job.job_id}"},
        )

    async def _begin(self, job_id: str) -> None:
        try:
            await self._accepted(job_id)
        except NearcastError as error:
            _log.warning("job not begun yet", job_id=job_id, error=str(error))

    def _check(self, request: web.Request) -> tuple[UploadRequest, str]:
        """What is to be uploaded, and by whom."""
        credential = self._gatekeeper.require(request, Role.PUBLISHER)
        check_length(request.headers.get(hdrs.CONTENT_LENGTH), self._limit)
        return check_request(request.query, content_type=request.content_type), credential.name

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        if self._running >= self._uploads_at_once:
            raise UploadsTooMany(limit=self._uploads_at_once)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


def _refusal(error: NearcastError) -> web.Response:
    response = problem_response(error)
    # The rest of the body is not wanted, and cannot be told from a next request.
    response.force_close()
    return response
