"""Sending answers: from the cache and on their way into it, or straight from upstream."""

import contextlib
from collections.abc import AsyncIterator

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.http.cache_status import CacheStatus
from common.http.fields import Fields, Pairs
from edge.fetch.pool import Exchange
from edge.policy.answering import Decided
from edge.policy.messages import Response
from edge.policy.stored import Stored
from edge.serve.body import Source, content
from edge.serve.reply import Reply
from edge.serve.requests import Visit

CONTENTLESS = frozenset({204, 205, 304})
"""Statuses without content (RFC 9110 §15)."""

_log = logs.get(__name__)


class Sender:
    """Sends answers to viewers."""

    def __init__(self, clock: Clock, *, added: Pairs = ()) -> None:
        """Every response gets the fields ``added``, in place of the origin's."""
        self._clock = clock
        self._added = added

    def with_own(self, fields: Pairs) -> Pairs:
        """``fields``, with those that every response gets."""
        return Fields(fields).with_replaced(*self._added).pairs if self._added else fields

    def told_of(self, decided: Decided, age: int | None, cache_status: str) -> Pairs:
        """All fields of an answer from the cache, framing aside; without Age when that is None."""
        fields = decided.fields if age is None else (*decided.fields, ("Age", str(age)))
        return (*self.with_own(fields), ("Cache-Status", cache_status))

    async def send(
        self,
        visit: Visit,
        decided: Decided,
        stored: Stored,
        status: CacheStatus,
        result: str,
        source: Source,
    ) -> Reply:
        """Sends an answer from the cache, or on its way into it.

        Raises:
            NearcastError: not a byte could be had; nothing is sent then.
        """
        bare = visit.request.method == "HEAD" or decided.status in CONTENTLESS
        sends = bool(decided.parts) or (decided.length is None and not bare)
        pieces = content(decided, source)
        async with contextlib.aclosing(pieces):
            first = await anext(pieces, b"") if sends else b""
            visit.told(decided.status, result, str(status))
            # RFC 9111 §5.1: Age says that the origin did not make this for the viewer.
            aged = result != "miss" or stored.age >= 1
            age = stored.age_at(self._clock.now()) if aged else None
            fields = self.told_of(decided, age, visit.cache_status)
            reply = Reply(decided.status, decided.reason, fields, length=decided.length, bare=bare)
            await _stream(visit, reply, first, pieces if sends else None)
        return reply

    async def pass_on(
        self, visit: Visit, response: Response, exchange: Exchange, status: CacheStatus
    ) -> Reply:
        """Sends what comes from upstream, for this viewer alone."""
        visit.told(response.status, "pass", str(status))
        told = (*self.with_own(response.fields.pairs), ("Cache-Status", visit.cache_status))
        return await self.relay(visit, response.status, response.reason, Fields(told), exchange)

    async def relay(
        self, visit: Visit, status: int, reason: str, fields: Fields, exchange: Exchange
    ) -> Reply:
        """Sends a response whose fields are all told already."""
        length = fields.get("content-length")
        bare = visit.request.method == "HEAD" or status in CONTENTLESS
        reply = Reply(
            status,
            reason,
            fields.without(("content-length",)).pairs,
            length=int(length) if length is not None and length.isdigit() else None,
            bare=bare,
        )
        async with contextlib.aclosing(exchange.pieces()) as pieces:
            await _stream(visit, reply, b"", None if bare else pieces)
        return reply


async def _stream(
    visit: Visit, reply: Reply, first: bytes, pieces: AsyncIterator[bytes] | None
) -> None:
    """Sends head and content; a failure midway cuts the connection."""
    try:
        await reply.prepare(visit.raw, first)
        if pieces is not None:
            async for piece in pieces:
                await reply.send(piece)
        await reply.write_eof()
    except (NearcastError, OSError, TimeoutError) as error:
        _log.info("answer cut", key=visit.key, reason=str(error) or type(error).__name__)
        reply.cut(visit.raw)
    except Exception:
        # Another answer would be taken for more of this one's content.
        _log.exception("answer failed unexpectedly", key=visit.key)
        reply.cut(visit.raw)
    finally:
        visit.sent = reply.sent


def result_of(cache_status: str) -> str:
    """What the cache did, as counters name it, from its member of Cache-Status."""
    for word in ("collapsed", "partial"):
        if word in cache_status:
            return word
    if "fwd-status=304" in cache_status:
        return "revalidated"
    if "ttl=-" in cache_status:
        return "stale"
    if "; hit" in cache_status:
        return "hit"
    return "miss" if "stored" in cache_status else "pass"
