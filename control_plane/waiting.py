"""Waiting: for news, of which who asks hears at once, and for answers, which may not come."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from common.clock import Clock

LATE: Final = 2.0
"""Seconds after which a database that has not answered is called away. The driver waits longer, as
it may come back."""
CATCH_UP_WITHIN: Final = 1.0
"""Seconds that who knows of more waits until it is read here too."""


class News:
    """Wakes everybody who waits, whenever there is news."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """There is news."""
        told, self._next = self._next, asyncio.Event()
        told.set()

    def coming(self) -> asyncio.Event:
        """What is set by the next news. Who looks for news takes it first, then looks, and then
        waits for it: what comes between the two is not missed."""
        return self._next


async def waited(event: asyncio.Event, seconds: float) -> None:
    """Waits for ``event``, but no longer than ``seconds``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class Patience:
    """Knows for how long answers of a database are waited for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[object, float] = {}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Notes that an answer is waited for while the block runs."""
        this = object()
        self._since[this] = self._clock.monotonic()
        try:
            yield
        finally:
            del self._since[this]

    @property
    def trouble(self) -> str | None:
        """That an answer is late, for people; None when none is."""
        waited = self._clock.monotonic() - min(self._since.values(), default=math.inf)
        return f"The database has not answered for {waited:.0f} s." if waited >= LATE else None


class CatchUp:
    """Reads something again, once for all who know of more than is known here. None of them waits
    for long, as a database that is away answers nobody."""

    def __init__(self, read: Callable[[], Awaitable[bool]], late: Callable[[], None]) -> None:
        """``read`` reads, and tells whether that was possible; ``late`` is called when it has ended
        after somebody has given up waiting for it."""
        self._read = read
        self._late = late
        self._reading: asyncio.Task[bool] | None = None
        self._given_up = False

    async def sure(self, known: Callable[[], bool]) -> bool:
        """Whether what is known here is all that there was when this was called. It is read again
        unless ``known`` tells that it suffices."""
        if known():
            return True
        try:
            async with asyncio.timeout(CATCH_UP_WITHIN):
                # What is being read already may have begun too early.
                for _ in range(2):
                    if self._given_up:
                        return False
                    reading = self._begun()
                    await asyncio.wait([reading])
                    if reading.cancelled() or not reading.result():
                        return False
                    if known():
                        return True
                return True
        except TimeoutError:
            self._given_up = True
            return False

    def _begun(self) -> asyncio.Task[bool]:
        if self._reading is None:
            self._reading = asyncio.create_task(self._once())
        return self._reading

    async def _once(self) -> bool:
        try:
            return await self._read()
        finally:
            self._reading = None
            if self._given_up:
                self._given_up = False
                self._late()

    async def close(self) -> None:
        """Reads no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
