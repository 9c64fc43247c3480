"""Opening files in a thread without losing them when whoever waits is cancelled."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar


class Closable(Protocol):
    """What is closed when nobody wants it."""

    def close(self) -> None:
        """Closes it."""
        ...


C = TypeVar("C", bound=Closable)


async def opened(make: Callable[[], C]) -> C:
    """What ``make``, run in a thread, opens; closed again if the caller is cancelled meanwhile."""
    opening = asyncio.ensure_future(asyncio.to_thread(make))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opening: "asyncio.Future[C]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
