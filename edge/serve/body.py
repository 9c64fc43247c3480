"""The content of an answer: what the cache holds, and what is on its way into it, in one run."""

import contextlib
from collections.abc import AsyncGenerator

from edge.fetch.arriving import Arriving, span_end
from edge.fetch.errors import UpstreamBroke
from edge.fetch.fetches import Fetches
from edge.fetch.outcomes import Ask, Coming, Passing, Settled
from edge.policy.answering import Decided
from edge.policy.coverage import range_field, to_ask, within
from edge.policy.messages import Request
from edge.policy.partial import read_content_range
from edge.policy.stored import Stored
from edge.store import Cache, ObjectDamaged

VALIDATORS = ("etag", "last-modified")


class Source:
    """The bytes of one stored response, wherever they are."""

    def __init__(
        self,
        cache: Cache,
        fetches: Fetches,
        request: Request,
        key: str,
        stored: Stored,
        *,
        arriving: Arriving | None = None,
    ) -> None:
        """Reads what ``arriving`` brings, what ``cache`` holds, and fetches what neither has."""
        self._cache = cache
        self._fetches = fetches
        self._request = request
        self._key = key
        self._stored = stored
        self._arriving = arriving

    async def read(self, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` up to, without, ``stop`` (None: to the end).

        Raises:
            ObjectDamaged: the cache does not have what it should.
            NearcastError: upstream does not send what is missing.
        """
        arriving = self._arriving
        if arriving is not None and arriving.covers(start):
            end = span_end(arriving.span, arriving.size)
            upto = stop if end is None or (stop is not None and stop <= end) else end
            async with contextlib.aclosing(arriving.read(start, upto)) as pieces:
                async for piece in pieces:
                    yield piece
                    start += len(piece)
            if stop is not None and start < stop:
                # What follows joins what has come, once that is stored.
                await arriving.settled()
        while stop is not None and start < stop:
            current = self._current()
            end = min(within(current.held, start), stop)
            pieces = (
                self._cache.read(current, start, end)
                if end > start
                else self._gap(current, start, stop)
            )
            try:
                async with contextlib.aclosing(pieces):
                    async for piece in pieces:
                        yield piece
                        start += len(piece)
            except ObjectDamaged as error:
                await self._cache.damaged(self._key, current, error)
                if self._found() in {None, current}:
                    raise
                # Its checksums were already those of the bytes that others have just brought.

    def _current(self) -> Stored:
        """The response as it is stored by now, with what others have brought."""
        return self._found() or self._stored

    def _found(self) -> Stored | None:
        found = self._cache.lookup(self._key)
        return next((one for one in found if one.number == self._stored.number), None)

    async def _gap(self, current: Stored, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` on that ``current`` lacks, at most up to ``stop``."""
        span = to_ask(current.held, (start, stop), current.size)
        assert span is not None
        request = self._request
        ask = Ask(
            request,
            self._key,
            grow=current,
            range=range_field(span, current.size),
            start=start,
        )
        outcome = await self._fetches.obtain(ask)
        if isinstance(outcome, Settled):
            return
        if isinstance(outcome, Passing):
            async with contextlib.aclosing(_passing(outcome, current, self._key, start)) as pieces:
                async for piece in pieces:
                    yield piece[: stop - start]
                    start += len(piece)
                    if start >= stop:
                        break
            return
        if not isinstance(outcome, Coming):
            raise UpstreamBroke(key=self._key, reason="it does not send the rest")
        arriving = outcome.arriving
        try:
            if arriving.stored.number != current.number:
                raise UpstreamBroke(key=self._key, reason="it changed while it was sent")
            end = span_end(arriving.span, arriving.size)
            upto = stop if end is None else min(stop, end)
            async with contextlib.aclosing(arriving.read(start, upto)) as pieces:
                async for piece in pieces:
                    yield piece
            if upto == end:
                await arriving.settled()
        finally:
            arriving.leave()


async def _passing(
    passing: Passing, stored: Stored, key: str, start: int
) -> AsyncGenerator[bytes, None]:
    """The bytes of ``stored`` from ``start`` on that come from upstream and are not kept.

    Raises:
        UpstreamBroke: they are of something else.
    """
    async with passing.stack:
        fields = passing.response.fields
        told = read_content_range(fields.get("content-range"))
        same = all(stored.field(name) == fields.get(name) for name in VALIDATORS)
        if passing.response.status != 206 or told is None or not same:
            raise UpstreamBroke(key=key, reason="it does not send the rest")
        skipped = start - told.start
        async with contextlib.aclosing(passing.exchange.pieces()) as pieces:
            async for piece in pieces:
                if len(piece) > skipped:
                    yield piece[skipped:]
                    start += len(piece) - skipped
                skipped = max(0, skipped - len(piece))
        if start < told.stop:
            raise UpstreamBroke(key=key, reason="it sends less than it told")


async def content(decided: Decided, source: Source) -> AsyncGenerator[bytes, None]:
    """The content of an answer.

    Raises:
        NearcastError: it cannot be had.
    """
    if not decided.parts:
        # Its length is not known yet.
        async with contextlib.aclosing(source.read(0, None)) as pieces:
            async for piece in pieces:
                yield piece
    for part in decided.parts:
        if isinstance(part, bytes):
            yield part
            continue
        async with contextlib.aclosing(source.read(part.start, part.stop)) as pieces:
            async for piece in pieces:
                yield piece
