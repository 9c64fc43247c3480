"""GET and HEAD of objects: from the cache, or through it as they arrive from upstream."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from aiohttp import hdrs, web

from common.clock import Clock
from common.errors import NearcastError
from common.http import (
    Answer,
    EntityTag,
    Representation,
    answer,
    parse_entity_tag,
    parse_http_date,
)
from common.service import problem_response
from edge.fetch import Fetch, Fetches
from edge.policy.keys import object_key
from edge.serve.counters import Counters
from edge.store import Cache, Entry
from edge.store.cache import SLICE

SEND_STALL = 30.0
"""Seconds that a viewer may take for one slice before it is let go."""

CROSS_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Age, Cache-Status, Content-Length, Content-Range, ETag",
    "Timing-Allow-Origin": "*",
}
PREFLIGHT = {
    **CROSS_ORIGIN,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Range, If-Range, If-None-Match, If-Modified-Since, "
    "CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
    "Access-Control-Max-Age": "86400",
}
ALLOWED = "GET, HEAD, OPTIONS"


class MethodUnknown(NearcastError):
    """Objects are read with GET and HEAD; nothing else is done with them here."""

    status = 405


class Overtaken(NearcastError):
    """The object left the cache while it was asked for: ask again."""

    status = 503


@dataclass(frozen=True)
class _Found:
    """An object that can be answered with, and where its bytes are."""

    entry: Entry
    fetch: Fetch | None
    """Where they arrive; None when they are in the cache."""
    result: str
    """For counting: ``hit``, ``miss``, ``collapsed`` or ``stale``."""
    cache_status: str
    """The parameters of this edge's member of Cache-Status (RFC 9211 §2)."""


class Viewers:
    """The viewers' side of an edge."""

    def __init__(
        self, edge_id: str, cache: Cache, fetches: Fetches, counters: Counters, clock: Clock
    ) -> None:
        self._cache_name = f"nearcast-{edge_id}"
        self._cache = cache
        self._fetches = fetches
        self._counters = counters
        self._clock = clock

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers any request on the viewers' port."""
        self._counters.totals.active += 1
        result = "none"
        try:
            if request.method == hdrs.METH_OPTIONS:
                return self._short(request, web.Response(status=204, headers=PREFLIGHT))
            if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
                return self._short(request, _method_not_allowed())
            found = await self._find(object_key(request.raw_path))
            result = found.result
            try:
                return await self._send(request, found)
            finally:
                if found.fetch is not None:
                    found.fetch.leave()
        except NearcastError as error:
            return self._short(request, problem_response(error), result)
        finally:
            self._counters.totals.active -= 1

    def _short(
        self, _: web.BaseRequest, response: web.Response, result: str = "none"
    ) -> web.Response:
        """An answer without an object."""
        response.headers.update(CROSS_ORIGIN)
        self._counters.count(response.status, result, 0)
        return response

    async def _find(self, key: str) -> _Found:
        """The object ``key``, from the cache or on its way.

        Raises:
            NearcastError: it cannot be had.
        """
        entry = await self._cache.lookup(key)
        now = self._clock.now()
        if entry is not None and entry.fresh_until > now:
            ttl = int(entry.fresh_until - now)
            return _Found(entry, None, "hit", f"hit; ttl={ttl}")
        try:
            fetch, collapsed = self._fetches.join(key)
            fetched = await _arrived(fetch)
        except NearcastError as error:
            if entry is not None and entry.servable_stale and error.status != 404:
                stale = f"hit; fwd=stale; ttl={int(entry.fresh_until - now)}"
                return _Found(entry, None, "stale", stale)
            raise
        reason = "stale" if entry is not None else "uri-miss"
        if collapsed:
            return _Found(fetched, fetch, "collapsed", f"fwd={reason}; collapsed")
        return _Found(fetched, fetch, "miss", f"fwd={reason}; stored")

    async def _send(self, request: web.BaseRequest, found: _Found) -> web.StreamResponse:
        entry = found.entry
        size = found.fetch.size if found.fetch and found.fetch.size is not None else entry.size
        now = self._clock.now()
        decided = answer(
            request.method,
            ((name, value) for name, value in request.headers.items()),
            Representation(
                size=size,
                content_type=entry.content_type,
                etag=_entity_tag(entry),
                last_modified=_last_modified(entry, now),
            ),
            now=entry.stored_at,
        )
        headers = {
            **dict(decided.fields),
            **CROSS_ORIGIN,
            "Cache-Control": entry.cache_control,
            "Age": str(entry.age_at(now)),
            "Cache-Status": f"{self._cache_name}; {found.cache_status}",
        }
        if not entry.cache_control:
            del headers["Cache-Control"]
        whole = self._cache.memory.get(entry.file) if found.fetch is None else None
        # What is larger goes out in slices, so that a slow viewer costs no more than one of them.
        if decided.body is None or (whole is not None and decided.body.length <= SLICE):
            return self._at_once(request, found, decided, headers, whole)
        return await self._stream(request, found, decided, headers)

    def _at_once(
        self,
        request: web.BaseRequest,
        found: _Found,
        decided: Answer,
        headers: dict[str, str],
        whole: bytes | None,
    ) -> web.Response:
        """An answer whose content, if any, is in memory."""
        content = b""
        if decided.body is not None and whole is not None:
            content = whole[decided.body.start : decided.body.stop]
        elif decided.status in {412, 416}:
            headers["Content-Length"] = "0"
        response = web.Response(status=decided.status, headers=headers, body=content)
        if request.method == hdrs.METH_HEAD or decided.status == 304:
            # The length told is that of the content a GET would have.
            response.body = None
            if "Content-Length" in headers:
                response.headers["Content-Length"] = headers["Content-Length"]
        self._counters.count(decided.status, found.result, len(content))
        return response

    async def _stream(
        self,
        request: web.BaseRequest,
        found: _Found,
        decided: Answer,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        """An answer whose content comes slice by slice; a failure midway cuts the connection."""
        assert decided.body is not None
        pieces: AsyncGenerator[bytes, None] = (
            self._cache.read(found.entry, decided.body.start, decided.body.stop)
            if found.fetch is None
            else found.fetch.read(decided.body.start, decided.body.stop)
        )
        sent = 0
        async with contextlib.aclosing(pieces):
            try:
                first = await anext(pieces, b"")
            except FileNotFoundError as error:
                raise Overtaken from error
            response = web.StreamResponse(status=decided.status, headers=headers)
            await response.prepare(request)
            try:
                sent = await _write_all(response, first, pieces)
                await response.write_eof()
            except (NearcastError, OSError, TimeoutError):
                _cut(request)
            finally:
                self._counters.count(decided.status, found.result, sent)
        return response


async def _arrived(fetch: Fetch) -> Entry:
    """What is known of an object on its way, once that is enough to begin an answer.

    Raises:
        NearcastError: it does not come.
    """
    try:
        entry = await fetch.head()
        if fetch.size is None:
            # Without a length neither a range nor a proper Content-Length can be told yet.
            entry = await fetch.whole()
    except BaseException:
        fetch.leave()
        raise
    return entry


async def _write_all(
    response: web.StreamResponse, first: bytes, pieces: AsyncIterator[bytes]
) -> int:
    sent = 0
    piece = first
    while piece:
        async with asyncio.timeout(SEND_STALL):
            await response.write(piece)
        sent += len(piece)
        piece = await anext(pieces, b"")
    return sent


def _method_not_allowed() -> web.Response:
    response = problem_response(MethodUnknown())
    response.headers[hdrs.ALLOW] = ALLOWED
    return response


def _cut(request: web.BaseRequest) -> None:
    """Ends the connection, so that nobody takes what came for the whole."""
    if request.transport is not None:
        request.transport.abort()


def _entity_tag(entry: Entry) -> EntityTag | None:
    return parse_entity_tag(entry.etag) if entry.etag else None


def _last_modified(entry: Entry, now: float) -> float | None:
    return parse_http_date(entry.last_modified, now=now) if entry.last_modified else None
