"""The port of events: what every adapter promises."""

import asyncio
from contextlib import AbstractContextManager
from typing import Protocol

from common.messages import JobProgress


class Subscription:
    """Word about one job, until the subscription ends. Many changes may come as one word."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Says that the job changed."""
        self._changed.set()

    async def wait(self, timeout: float) -> bool:
        """Returns when the job has changed since the last call, or after ``timeout`` seconds.

        Returns:
            Whether it changed.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class Events(Protocol):
    """Carries word from those who change jobs to those who show them. May lose any of it."""

    async def publish(self, progress: JobProgress) -> None:
        """Tells all subscribers of the job; never raises for want of a server."""
        ...

    def subscribe(self, job_id: str) -> AbstractContextManager[Subscription]:
        """Word about ``job_id`` while the block runs."""
        ...

    async def close(self) -> None:
        """Lets go of connections; subscriptions fall silent."""
        ...
