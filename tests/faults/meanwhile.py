"""What goes on all the time while something else is tested."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterable


@contextlib.asynccontextmanager
async def meanwhile(works: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Has ``works``, which have no end, done while the block runs; none of them has failed."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []
