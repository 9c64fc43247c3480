"""``PUT /v1/videos``: one streaming upload."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from common.errors import NearcastError
from common.messages import encode
from common.service import Gatekeeper, Role, problem_response
from ingest.jobs.view import view_of
from ingest.upload.admission import Admission
from ingest.upload.receive import Receiver
from ingest.upload.request import UploadRequest, check_length, check_request

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class VideosApi:
    """Answers uploads."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        receiver: Receiver,
        admission: Admission,
        *,
        look_up: Callable[[web.Request], Awaitable[None]],
        limit_of: Callable[[str | None], int],
        observe: Callable[[int], None],
    ) -> None:
        """``limit_of`` tells the bytes that a file of a profile may have.

        ``look_up`` finds out who asks, where no middleware has done so; ``observe`` is called with
        the status of each answer.
        """
        self._look_up = look_up
        self._gatekeeper = gatekeeper
        self._receiver = receiver
        self._admission = admission
        self._observe = observe
        self._limit_of = limit_of

    def add_routes(self, application: web.Application) -> None:
        """Adds the route of uploads to ``application``."""
        application.router.add_put("/v1/videos", self.upload, expect_handler=self._expect)

    async def _expect(self, request: web.Request) -> web.StreamResponse | None:
        """Says "go on" (RFC 9110 §10.1.1) only to an upload that would be taken."""
        if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
            raise web.HTTPExpectationFailed
        # This comes before any middleware.
        await self._look_up(request)
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
            self._admission.request(owner)
            with self._admission.running(owner):
                job = await self._receiver.receive(
                    wanted, owner, request.content, request.content_length
                )
        except NearcastError as error:
            return _refusal(error)
        return web.Response(
            status=201,
            body=encode(view_of(job, ())),
            content_type="application/json",
            headers={"Location": f"/v1/jobs/{job.job_id}"},
        )

    def _check(self, request: web.Request) -> tuple[UploadRequest, str]:
        """What is to be uploaded, and by whom."""
        credential = self._gatekeeper.require(request, Role.PUBLISHER)
        wanted = check_request(
            request.query, content_type=request.content_type, limit_of=self._limit_of
        )
        check_length(request.headers.get(hdrs.CONTENT_LENGTH), wanted.limit)
        return wanted, credential.name


def _refusal(error: NearcastError) -> web.Response:
    response = problem_response(error)
    # The rest of the body is not wanted, and cannot be told from a next request.
    response.force_close()
    return response
