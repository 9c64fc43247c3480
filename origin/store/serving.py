"""Answering a request with an object of the store: whole, in part, or not at all (RFC 9110)."""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from common import logs
from common.errors import NearcastError
from common.http import ByteRange, Representation, answer, parse_entity_tag
from common.service import problem_response
from origin.store.port import ObjectInfo, ObjectReader

STALLED_AFTER: Final = 60.0
"""Seconds after which a client that takes no byte is cut off."""

_log = logs.get(__name__)


class PreconditionFailed(NearcastError):
    """The object {key!r} is not the one that the request's conditions ask for."""

    status = 412


class RangeNotSatisfiable(NearcastError):
    """The range asked for begins after the end of {key!r}, which has {size} bytes."""

    status = 416


class Serving:
    """Answers ``GET`` and ``HEAD``, with conditions and a single range, out of a store."""

    def __init__(
        self,
        store: ObjectReader,
        *,
        cache_control: str,
        sent: Callable[[int], None] = lambda _: None,
        cut: Callable[[], None] = lambda: None,
    ) -> None:
        """Serves out of ``store``.

        Args:
            store: where the objects are.
            cache_control: the field of that name on every answer that is no refusal.
            sent: called with each number of bytes that went out.
            cut: called when an answer was cut short.
        """
        self._store = store
        self._cache_control = cache_control
        self._sent = sent
        self._cut = cut

    async def serve(self, request: web.Request, info: ObjectInfo, now: float) -> web.StreamResponse:
        """Answers ``request`` with the object that ``info`` tells of, at the POSIX time ``now``.

        Raises:
            PreconditionFailed: the client wants another one.
            NearcastError: the store does not hand it out.
        """
        decided = answer(
            request.method,
            request.headers.items(),
            Representation(
                info.size, info.content_type, parse_entity_tag(info.etag), info.last_modified
            ),
            now=now,
        )
        if decided.status == 412:
            raise PreconditionFailed(key=info.key)
        if decided.status == 416:
            refusal = problem_response(RangeNotSatisfiable(key=info.key, size=info.size))
            refusal.headers.update(decided.fields)
            return refusal
        response = web.StreamResponse(status=decided.status)
        response.headers.update(decided.fields)
        response.headers[hdrs.CACHE_CONTROL] = self._cache_control
        if info.sha256 is not None and decided.status != 304:
            response.headers["Repr-Digest"] = repr_digest(info.sha256)
        if decided.body is None or not decided.body.length:
            await response.prepare(request)
        else:
            await self._stream(request, response, info.key, decided.body)
        return response

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
                    self._sent(len(piece))
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
        self._cut()
        response.force_close()
        if request.transport is not None:
            request.transport.abort()


def repr_digest(sha256: str) -> str:
    """The Repr-Digest field for a SHA-256 in hexadecimal (RFC 9530 §3)."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
