"""``/v1/uploads/multipart``: large files that clients send to the S3 server themselves."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import web

from common.errors import NearcastError
from common.messages import decode, encode
from common.service import Gatekeeper, Role, problem_response
from ingest.jobs.store import JobStore
from ingest.jobs.view import view_of
from ingest.upload import tus
from ingest.upload.admission import Admission
from ingest.upload.direct import Direct
from ingest.upload.errors import UploadUnknown
from ingest.upload.request import check_request

T = TypeVar("T")

PATH: Final = tus.PATH + "/multipart"


class Wanted(msgspec.Struct, frozen=True):
    """What a client wants to send."""

    size: Annotated[int, msgspec.Meta(ge=1, le=10**18)]
    """Bytes."""
    title: str | None = None
    filename: str | None = None
    filetype: str | None = None
    profile: str | None = None


class PartPlace(msgspec.Struct, frozen=True):
    """Where a part is to be PUT."""

    number: int
    size: int
    """Bytes, no more and no fewer."""
    url: str


class Begun(msgspec.Struct, frozen=True):
    """An upload that has begun."""

    upload_id: str
    """The job's id too, once it is complete."""
    part_size: int
    parts: list[PartPlace]
    expires_at: float
    """POSIX seconds."""


class SentPart(msgspec.Struct, frozen=True):
    """A part that the S3 server has taken."""

    number: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    etag: Annotated[str, msgspec.Meta(max_length=128)]


class Sent(msgspec.Struct, frozen=True):
    """What a client has sent."""

    parts: Annotated[list[SentPart], msgspec.Meta(max_length=10_000)]


class MultipartApi:
    """Answers clients that send large files."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        direct: Direct,
        admission: Admission,
        jobs: JobStore,
        *,
        limit_of: Callable[[str | None], int],
        observe: Callable[[int], None],
    ) -> None:
        """``limit_of`` tells the bytes that a file of a profile may have.

        ``observe`` is called with the status of each answer.
        """
        self._limit_of = limit_of
        self._gatekeeper = gatekeeper
        self._direct = direct
        self._admission = admission
        self._jobs = jobs
        self._observe = observe

    def add_routes(self, application: web.Application) -> None:
        """Adds the routes to ``application``."""
        router = application.router
        router.add_post(PATH, self.begin)
        router.add_post(PATH + "/{upload_id}/complete", self.complete)
        router.add_delete(PATH + "/{upload_id}", self.abort)

    async def begin(self, request: web.Request) -> web.Response:
        """201 with the places of all parts."""
        return await self._answer(request, self._begin)

    async def complete(self, request: web.Request) -> web.Response:
        """201 with the job."""
        return await self._answer(request, self._complete)

    async def abort(self, request: web.Request) -> web.Response:
        """204 once all that was sent is deleted."""
        return await self._answer(request, self._abort)

    async def _answer(
        self,
        request: web.Request,
        handler: Callable[[web.Request, str], Awaitable[web.Response]],
    ) -> web.Response:
        try:
            owner = self._gatekeeper.require(request, Role.PUBLISHER).name
            self._admission.request(owner)
            response = await handler(request, owner)
        except NearcastError as error:
            response = problem_response(error)
        self._observe(response.status)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _begin(self, request: web.Request, owner: str) -> web.Response:
        given = await _read(request, Wanted)
        told = {"title": given.title, "filename": given.filename, "profile": given.profile}
        wanted = check_request(
            {name: value for name, value in told.items() if value is not None},
            content_type=tus.media_type(given.filetype),
            limit_of=self._limit_of,
        )
        begun = await self._direct.begin(wanted, owner, given.size)
        places = zip(begun.sizes, begun.urls, strict=True)
        answer = Begun(
            upload_id=begun.upload.upload_id,
            part_size=begun.sizes[0],
            parts=[PartPlace(number, *place) for number, place in enumerate(places, start=1)],
            expires_at=begun.upload.expires_at,
        )
        return _json(answer, location=f"{PATH}/{answer.upload_id}")

    async def _complete(self, request: web.Request, owner: str) -> web.Response:
        sent = await _read(request, Sent)
        upload_id = request.match_info["upload_id"]
        etags = {part.number: part.etag for part in sent.parts}
        upload = await self._direct.complete(upload_id, owner, etags)
        job = await self._jobs.job(upload.upload_id)
        if job is None:
            raise UploadUnknown(upload_id=upload_id)
        # Said again, it may have come far.
        tasks = await self._jobs.tasks([job.job_id])
        return _json(view_of(job, tasks), location=f"/v1/jobs/{job.job_id}")

    async def _abort(self, request: web.Request, owner: str) -> web.Response:
        await self._direct.abort(request.match_info["upload_id"], owner)
        return web.Response(status=204)


async def _read(request: web.Request, kind: type[T]) -> T:
    """The message in the content, which aiohttp bounds to 1 MiB."""
    return decode(await request.read(), kind)


def _json(answer: msgspec.Struct, *, location: str) -> web.Response:
    return web.Response(
        status=201,
        body=encode(answer),
        content_type="application/json",
        headers={"Location": location},
    )
