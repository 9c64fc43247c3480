"""The bytes of one response, from whoever sends them: the next one goes on where one breaks off."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

from common.http.fields import Fields
from edge.fetch.arriving import Arriving
from edge.fetch.errors import UpstreamSlow
from edge.fetch.origins import EdgeSource
from edge.fetch.outcomes import Ask
from edge.fetch.pacing import Pacing
from edge.fetch.pool import Exchange
from edge.fetch.upstream import Upstream
from edge.policy.limits import Pace
from edge.policy.partial import ContentRange, read_content_range

SLOWEST = 16 * 1024
"""Bytes per second below which an edge is too slow: others have the same."""
SLOW_FOR = 10.0
"""Seconds of waiting over which that is measured."""


class Transfer:
    """An exchange with upstream, and those that follow when it breaks off."""

    def __init__(
        self,
        upstream: Upstream,
        ask: Ask,
        arriving: Arriving,
        exchange: Exchange,
        stack: AsyncExitStack,
        pacing: Pacing | None,
    ) -> None:
        """Begins with an ``exchange`` that has begun.

        Args:
            upstream: whom to ask for the rest.
            ask: what was asked for.
            arriving: where it goes.
            exchange: the response to that.
            stack: holds the exchange, and those that follow.
            pacing: the rate of what nobody waits for.
        """
        self._upstream = upstream
        self._ask = ask
        self._arriving = arriving
        self._exchange = exchange
        self._senders: list[EdgeSource | None] = []
        self._pacing = pacing if ask.paced else None
        self.stack = stack

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """What the present exchange brings.

        Raises:
            UpstreamSlow: it stalls, or others are likely to be faster.
            UpstreamBroke: it is cut, or malformed.
        """
        exchange, loop = self._exchange, asyncio.get_running_loop()
        source = exchange.source
        self._senders.append(source)
        pace = Pace(SLOWEST, SLOW_FOR) if source is not None and source.is_edge else None
        since = loop.time()
        async with aclosing(exchange.pieces()) as pieces:
            async for piece in pieces:
                if pace is not None and not pace.holds(len(piece), loop.time() - since):
                    raise UpstreamSlow
                yield piece
                if self._pacing is not None and not self._arriving.hurried:
                    await self._pacing.wait(len(piece), lambda: self._arriving.hurried)
                since = loop.time()

    async def resume(self, position: int, stop: int | None) -> ContentRange | None:
        """Asks for the rest, from ``position`` up to, without, ``stop``, or the end.

        Returns:
            What comes next; None when nothing does that belongs to what has come.

        Raises:
            NearcastError: nobody answers.
        """
        ask, arriving = self._ask, self._arriving
        self._upstream.broke(ask.key, self._exchange.source)
        if ask.request.method != "GET":
            # To ask again would be to do again what it does (RFC 9110 §9.2.2).
            return None
        asked = f"bytes={position}-" if stop is None else f"bytes={position}-{stop - 1}"
        again = dataclasses.replace(
            ask, range=asked, grow=arriving.stored, stale=None, interim=None
        )
        more = await self.stack.enter_async_context(self._upstream.send(again))
        fields = Fields(more.head.fields)
        if more.head.status != 206 or fields.get("etag") != arriving.stored.field("etag"):
            return None
        self._exchange = more
        return read_content_range(fields.get("content-range"))

    @property
    def sender(self) -> str:
        """Who sent it, for people."""
        return ", ".join(sorted({one.name for one in self._senders if one is not None}))

    def was_wrong(self) -> None:
        """Notes that the bytes are not what they should be: one of those who sent them errs."""
        for source in set(self._senders):
            if len(set(self._senders)) == 1:
                self._upstream.lied(self._ask.key, source)
            else:
                self._upstream.broke(self._ask.key, source)
