"""A response while it arrives: written by one task, read by all who want it."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

from common.errors import NearcastError, StorageFull
from edge.fetch.spill import Spill
from edge.policy.coverage import Span
from edge.policy.stored import Stored
from edge.store import SLICE, Body

LOOK_AHEAD = 16 * 1024 * 1024
"""Bytes that a viewer waits for to arrive rather than ask for a range of its own."""


class Arriving:
    """Bytes on their way into the cache. Whoever joins leaves; the last to leave closes them.

    A reader gets what is there and waits for more. One that leaves, or is slow, holds up nobody.
    """

    def __init__(
        self, stored: Stored, size: int | None, span: tuple[int, int | None], body: Body
    ) -> None:
        """Begins with one user, the task that writes.

        Args:
            stored: the response's head.
            size: bytes of the representation; None while that is unknown.
            span: the bytes that it brings; None at its end is the end of the representation.
            body: where they go.
        """
        self.stored = stored
        self.size = size
        self.span = span
        self.body = body
        self.kept: Stored | None = None
        """As it is in the cache, once it is."""
        self.hurried = False
        """Whether somebody else than the fill agent wants it."""
        self._error: NearcastError | None = None
        self._spill: Spill | None = None
        self._done = False
        self._latest: tuple[int, bytes] = (0, b"")
        """Where the bytes that came last begin, and they: most readers are right behind them."""
        self._changed: asyncio.Event | None = None
        """Made when somebody waits for it."""
        self._progress: asyncio.Event | None = None
        """Is set when a reader has come further, or left; made with the spill."""
        self._reading: dict[object, int] = {}
        """Where each reader is."""
        self._users = 1

    def enter(self) -> "Arriving":
        """Says that one more waits or reads."""
        self._users += 1
        return self

    def leave(self) -> None:
        """Says that one of them does so no more."""
        self._users -= 1
        if self._users == 0:
            self.body.close()

    def covers(self, start: int) -> bool:
        """Whether the byte at ``start`` is, or will be, among what it brings."""
        first, last = self.span
        return first <= start and (last is None or start < last)

    @property
    def is_whole(self) -> bool:
        """Whether it brings all of the representation."""
        return self.span[0] == 0 and self.span[1] in {None, self.size}

    def is_near(self, start: int | None) -> bool:
        """Whether the byte at ``start`` is here or comes soon; None is that of a suffix."""
        return start is not None and self.covers(start) and start - self.position < LOOK_AHEAD

    def brings(self, spans: Iterable[Span]) -> bool:
        """Whether all of ``spans`` is among what it brings."""
        first, last = self.span
        return all(first <= start and (last is None or stop <= last) for start, stop in spans)

    @property
    def done(self) -> bool:
        """Whether it is stored, or has failed."""
        return self._done

    @property
    def settles(self) -> bool:
        """Whether nothing more comes: it is being stored, or has failed."""
        end = span_end(self.span, self.size)
        return self._done or (end is not None and self.position >= end)

    async def settled(self) -> None:
        """Waits until it is stored, or has failed."""
        while not self._done:
            await self._change()

    @property
    def position(self) -> int:
        """Up to where it has come."""
        return self.body.available(self.span[0])

    async def whole(self) -> None:
        """Waits for the last byte, and for its being kept.

        Raises:
            NearcastError: it does not come, or not as it should.
        """
        while not self._done:
            await self._change()
        self._raise_failure()

    async def read(self, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` up to, without, ``stop`` (None: to the end), as they arrive.

        Raises:
            NearcastError: they do not come, or were not what they should be.
        """
        reader = object()
        self._reading[reader] = start
        try:
            while stop is None or start < stop:
                data = await self._next(start, SLICE if stop is None else min(SLICE, stop - start))
                if not data:
                    self._raise_failure()
                    if self._done:
                        return
                    await self._change()
                    continue
                start += len(data)
                self._reading[reader] = start
                if self.stored.sha256 and start == self.size:
                    # The last slice is held back until the whole is known to be right.
                    await self.whole()
                yield data
        finally:
            del self._reading[reader]
            self._moved()

    async def _next(self, start: int, length: int) -> bytes:
        """At most ``length`` bytes from ``start`` on; none while there are none."""
        available = self.body.available(start)
        if available > start:
            length = min(length, available - start)
            begin, latest = self._latest
            if 0 <= start - begin < len(latest):
                return latest[start - begin : start - begin + length]
            if self.body.is_quick():
                return self.body.read(start, length)
            return await asyncio.to_thread(self.body.read, start, length)
        if self._spill is None:
            return b""
        self._moved()
        return self._spill.read(start, length)

    @property
    def spilled(self) -> bool:
        """Whether more came than may be kept, and is only passed on."""
        return self._spill is not None

    async def spill(self, position: int, piece: bytes) -> None:
        """Passes on bytes that are not kept, at the pace of whoever reads them.

        Raises:
            StorageFull: nobody reads them any more.
        """
        if self._spill is None or self._progress is None:
            self._spill, self._progress = Spill(position), asyncio.Event()
        while True:
            if not self._reading:
                raise StorageFull(where="what one object may take, and nobody waits for it")
            if self._spill.take(piece, min(self._reading.values())):
                break
            await self._progress.wait()
            self._progress.clear()
        self._tell()

    def _moved(self) -> None:
        """Says that a reader has come further, or left."""
        if self._progress is not None:
            self._progress.set()

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error

    def _tell(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    async def _change(self) -> None:
        """Waits until it is further, or over."""
        if self._changed is None:
            self._changed = asyncio.Event()
        await self._changed.wait()

    def grew(self, start: int, piece: bytes) -> None:
        """Says that ``piece`` has come, which begins at ``start``."""
        self._latest = (start, piece)
        self._tell()

    def ended(self, size: int, kept: Stored | None) -> None:
        """Says that all bytes are there, and right."""
        self.size, self.kept, self._done = size, kept, True
        self._latest = (0, b"")
        self._tell()

    def failed(self, error: NearcastError) -> None:
        """Says that the rest does not come."""
        self._error, self._done = error, True
        self._latest = (0, b"")
        self._tell()


def span_end(span: tuple[int, int | None], size: int | None) -> int | None:
    """Where ``span`` ends in a representation of ``size``; None while that is unknown."""
    return size if span[1] is None else span[1]


def received(body: Body, span: tuple[int, int | None]) -> Span:
    """What has come of ``span``."""
    return span[0], body.available(span[0])
