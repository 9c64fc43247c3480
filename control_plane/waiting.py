"""Waiting for news: who asks for what is new hears of it at once."""

import asyncio
from contextlib import suppress


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
