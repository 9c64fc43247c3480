"""``/v1/uploads``: uploads in several requests.

Source: the tus resumable upload protocol 1.0.x with the extensions creation, creation-with-upload,
expiration, termination, checksum and concatenation, https://tus.io/protocols/resumable-upload
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from common import logs
from common.errors import NearcastError
from common.http import format_http_date
from common.service import Gatekeeper, Role, problem_response
from ingest.upload import tus
from ingest.upload.admission import Admission
from ingest.upload.errors import UploadOverrun
from ingest.upload.record import Upload, UploadKind, UploadState
from ingest.upload.request import UploadRequest, check_request
from ingest.upload.resumable import Content, Resumable

JOB_FIELD: Final = "Nearcast-Job"
"""The field that names the job of an upload that is whole."""

_OVERRIDE: Final = "X-HTTP-Method-Override"

_log = logs.get(__name__)

_Handler = Callable[[web.Request, str], Awaitable[web.Response]]


class UploadsApi:
    """Answers tus clients."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        resumable: Resumable,
        admission: Admission,
        *,
        limit: int,
        limit_of: Callable[[str | None], int],
        observe: Callable[[int], None],
    ) -> None:
        """``limit_of`` tells the bytes that a file of a profile may have, ``limit`` the most.

        ``observe`` is called with the status of each answer.
        """
        self._gatekeeper = gatekeeper
        self._resumable = resumable
        self._admission = admission
        self._limit = limit
        self._limit_of = limit_of
        self._observe = observe
        self._of_all: dict[str, _Handler] = {"POST": self._create}
        self._of_one: dict[str, _Handler] = {
            "HEAD": self._head,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }

    def add_routes(self, application: web.Application) -> None:
        """Adds the routes of uploads to ``application``."""
        application.router.add_route("*", tus.PATH, self.all)
        application.router.add_route("*", tus.PATH + "/{upload_id}", self.one)
        application.on_shutdown.append(self._shut_down)

    async def all(self, request: web.Request) -> web.Response:
        """Begins uploads, and tells what is spoken here."""
        return await self._answer(request, self._of_all)

    async def one(self, request: web.Request) -> web.Response:
        """Tells how far an upload is, goes on with it, or gives it up."""
        return await self._answer(request, self._of_one)

    async def _answer(self, request: web.Request, handlers: dict[str, _Handler]) -> web.Response:
        method = request.headers.get(_OVERRIDE, request.method).upper()
        response: web.Response
        if method == "OPTIONS":
            response = self._options()
        else:
            try:
                response = await self._handle(request, method, handlers)
            except NearcastError as error:
                response = _refusal(request, error)
            self._observe(response.status)
        response.headers["Tus-Resumable"] = tus.VERSION
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _handle(
        self, request: web.Request, method: str, handlers: dict[str, _Handler]
    ) -> web.Response:
        owner = self._gatekeeper.require(request, Role.PUBLISHER).name
        self._admission.request(owner)
        tus.check_version(request.headers.get("Tus-Resumable"))
        handler = handlers.get(method)
        if handler is None:
            raise web.HTTPMethodNotAllowed(method, sorted({*handlers, "OPTIONS"}))
        return await handler(request, owner)

    def _options(self) -> web.Response:
        return web.Response(
            status=204,
            headers={
                "Tus-Version": tus.VERSION,
                "Tus-Extension": tus.EXTENSIONS,
                "Tus-Max-Size": str(self._limit),
                "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
            },
        )

    async def _create(self, request: web.Request, owner: str) -> web.Response:
        """The protocol's sections "Creation", "Creation With Upload" and "Concatenation"."""
        fields = request.headers
        metadata = fields.get("Upload-Metadata")
        parts = tus.parse_concat(fields.get("Upload-Concat"))
        kind = UploadKind.WHOLE if parts is None else UploadKind.PARTIAL
        wanted = self._wanted(
            tus.parse_metadata(metadata), titled=kind is UploadKind.WHOLE or bool(parts)
        )
        if parts:
            upload = await self._resumable.join(wanted, owner, parts, metadata=metadata)
        else:
            length = tus.parse_length(
                fields.get("Upload-Length"),
                deferred=fields.get("Upload-Defer-Length"),
                limit=wanted.limit,
            )
            if request.body_exists:
                tus.check_content_type(request.content_type)
            with_content = self._content(request, 0) if request.body_exists else None
            if with_content is not None and (with_content.length or 0) > length:
                raise UploadOverrun(room=length)
            upload = await self._resumable.begin(
                wanted, owner, length, kind=kind, metadata=metadata
            )
            if with_content is not None:
                upload = await self._append(upload, owner, with_content)
        return web.Response(
            status=201,
            headers={"Location": f"{tus.PATH}/{upload.upload_id}", **_standing(upload)},
        )

    async def _append(self, upload: Upload, owner: str, content: Content) -> Upload:
        """What is kept of the content that came with the creation.

        The client must get to know where the upload is, also when its content came to a bad end:
        the offset tells it.
        """
        try:
            with self._admission.running(owner):
                return await self._resumable.append(upload.upload_id, owner, content)
        except NearcastError as error:
            _log.info("content of a new upload not kept", error=str(error))
            return await self._resumable.look(upload.upload_id, owner)

    async def _head(self, request: web.Request, owner: str) -> web.Response:
        upload = await self._resumable.look(request.match_info["upload_id"], owner)
        fields = {"Upload-Length": str(upload.length), **_standing(upload)}
        if upload.metadata is not None:
            fields["Upload-Metadata"] = upload.metadata
        return web.Response(status=200, headers=fields)

    async def _patch(self, request: web.Request, owner: str) -> web.Response:
        tus.check_content_type(request.content_type)
        offset = tus.parse_offset(request.headers.get("Upload-Offset"))
        content = self._content(request, offset)
        with self._admission.running(owner):
            upload = await self._resumable.append(request.match_info["upload_id"], owner, content)
        return web.Response(status=204, headers=_standing(upload))

    async def _delete(self, request: web.Request, owner: str) -> web.Response:
        await self._resumable.terminate(request.match_info["upload_id"], owner)
        return web.Response(status=204)

    @staticmethod
    def _content(request: web.Request, offset: int) -> Content:
        return Content(
            request.content,
            offset,
            request.content_length,
            tus.parse_checksum(request.headers.get("Upload-Checksum")),
        )

    def _wanted(self, metadata: dict[str, str], *, titled: bool) -> UploadRequest:
        """What is to become of an upload; a part of a file has neither title nor profile."""
        told = ("title", "filename", "profile")
        query = {name: metadata[name] for name in told if name in metadata}
        return check_request(
            query if titled else {"title": "part"},
            content_type=tus.media_type(metadata.get("filetype")),
            limit_of=self._limit_of if titled else lambda _: self._limit,
        )

    async def _shut_down(self, _: web.Application) -> None:
        self._resumable.interrupt()


def _standing(upload: Upload) -> dict[str, str]:
    """Fields that tell how far an upload is."""
    fields = {"Upload-Offset": str(upload.offset)}
    if upload.state is UploadState.OPEN or upload.kind is UploadKind.PARTIAL:
        fields["Upload-Expires"] = format_http_date(upload.expires_at)
    if upload.state is UploadState.DONE:
        fields[JOB_FIELD] = upload.upload_id
    if upload.kind is UploadKind.PARTIAL:
        fields["Upload-Concat"] = "partial"
    if upload.kind is UploadKind.FINAL:
        fields["Upload-Concat"] = "final;" + " ".join(f"{tus.PATH}/{part}" for part in upload.parts)
    return fields


def _refusal(request: web.Request, error: NearcastError) -> web.Response:
    if error.status >= 500:
        _log.warning("request failed", path=request.path, error=str(error))
    response = problem_response(error)
    if error.status == 412:
        response.headers["Tus-Version"] = tus.VERSION
    if not request.content.is_eof():
        # The rest of the content is not wanted, and cannot be told from a next request.
        response.force_close()
    return response
