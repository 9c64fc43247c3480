"""Delivery of published objects to edges and shields over HTTP."""

import asyncio
import base64
import contextlib
from typing import Final

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, Counter

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.http import ByteRange, Representation, answer, parse_entity_tag
from common.service import Gatekeeper, Role, problem_response
from origin.store import KeyInvalid, ObjectInfo, ObjectStore, ObjectUnknown

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""What is published under a key never changes (RFC 8246)."""

STALLED_AFTER: Final = 60.0
"""Seconds after which a client that takes no byte is cut off."""

_log = logs.get(__name__)


class PreconditionFailed(NearcastError):
    """The object {key!r} is not the one that the request's conditions ask for."""

    status = 412


class RangeNotSatisfiable(NearcastError):
    """The range asked for begins after the end of {key!r}, which has {size} bytes."""

    status = 416


class Delivery:
    """Answers ``GET`` and ``HEAD`` of ``/v/…`` from the store, for whoever may read it."""

    def __init__(
        self,
        store: ObjectStore,
        gatekeeper: Gatekeeper,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._store = store
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._requests = Counter(
            "nearcast_origin_requests",
            "Requests for objects, by status answered.",
            ["status"],
            registry=registry,
        )
        self._bytes = Counter(
            "nearcast_origin_sent_bytes",
            "Bytes of objects sent to edges.",
            registry=registry,
        )
        self._cut = Counter(
            "nearcast_origin_cut",
            "Answers cut short: the store broke off midway, or the client stalled.",
            registry=registry,
        )

    def add_routes(self, application: web.Application) -> None:
        """Adds the delivery of objects to ``application``."""
        # GET brings HEAD with it; the router answers 405 to the rest.
        application.router.add_get("/v/{path:.*}", self._counted)

    async def _counted(self, request: web.Request) -> web.StreamResponse:
        status = 500
        try:
            response = await self._deliver(request)
            status = response.status
        except NearcastError as error:
            status = error.status
            raise
        finally:
            self._requests.labels(str(status)).inc()
        return response

    async def _deliver(self, request: web.Request) -> web.StreamResponse:
        self._gatekeeper.require(request, Role.EDGE)
        info = await self._look_up(request)
        decided = answer(
            request.method,
            request.headers.items(),
            Representation(
                info.size, info.content_type, parse_entity_tag(info.etag), info.last_modified
            ),
            now=self._clock.now(),
        )
        if decided.status == 412:
            raise PreconditionFailed(key=info.key)
        if decided.status == 416:
            refusal = problem_response(RangeNotSatisfiable(key=info.key, size=info.size))
            refusal.headers.update(decided.fields)
            return refusal
        response = web.StreamResponse(status=decided.status)
        response.headers.update(decided.fields)
        response.headers[hdrs.CACHE_CONTROL] = IMMUTABLE
        if info.sha256 is not None and decided.status != 304:
            response.headers["Repr-Digest"] = repr_digest(info.sha256)
        if decided.body is None or not decided.body.length:
            await response.prepare(request)
        else:
            await self._stream(request, response, info.key, decided.body)
        return response

    async def _look_up(self, request: web.Request) -> ObjectInfo:
        # As it was sent: whatever had to be encoded or leaves its folder is no key.
        key = request.rel_url.raw_path.removeprefix("/")
        try:
            return await self._store.head(key)
        except KeyInvalid as error:
            raise ObjectUnknown(key=error.facts["key"]) from error

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, key: str, content: ByteRange
    ) -> None:
        """Sends ``content``; cuts the connection where it cannot, so that it never looks whole."""
        async with contextlib.aclosing(
            self._store.read(key, content.start, content.length)
        ) as pieces:
            # Before the status goes out, as until then an error can still be told.
            piece = await anext(pieces, b"")
            await response.prepare(request)
            left = content.length
            try:
                while piece:
                    async with asyncio.timeout(STALLED_AFTER):
                        await response.write(piece)
                    self._bytes.inc(len(piece))
                    left -= len(piece)
                    piece = await anext(pieces, b"")
            except ConnectionError:
                return
            except (NearcastError, TimeoutError) as error:
                self._cut_off(request, response, key, str(error) or "the client takes nothing")
                return
        if left:
            self._cut_off(request, response, key, f"{left} bytes are missing in the store")

    def _cut_off(
        self, request: web.Request, response: web.StreamResponse, key: str, reason: str
    ) -> None:
        _log.warning("cut an answer short", key=key, reason=reason)
        self._cut.inc()
        response.force_close()
        if request.transport is not None:
            request.transport.abort()


def repr_digest(sha256: str) -> str:
    """The Repr-Digest field for a SHA-256 in hexadecimal (RFC 9530 §3)."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
