"""Work that goes on while a control plane answers."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp

from common.errors import NearcastError
from common.service import PeerSettings, new_client_session
from common.service.run import ProcessStop
from control_plane.keeping import Keeper
from control_plane.planning import Planner
from control_plane.settings import Settings

LAST_WRITES_WITHIN = 1.0
"""Seconds that the last writes may take when the role ends."""
GARBAGE_AT = 20_000
"""Objects that may be made until the youngest are looked through for garbage."""


def begin(stop: asyncio.Event) -> None:
    """Looks for no garbage while millions of records are read, none of which is; where the process,
    which ``stop`` ends, is this role's alone."""
    if isinstance(stop, ProcessStop):
        gc.disable()


def stay(stop: asyncio.Event) -> None:
    """Ends what ``begin`` began, and has no garbage looked for among what there is now.

    Catalog and fleet are the most of it, and stay: looking through a million assets keeps viewers
    waiting for a second, each time.
    """
    if isinstance(stop, ProcessStop):
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AT)
        gc.enable()


async def peer_of(
    settings: Settings, peer: PeerSettings | None, stack: AsyncExitStack
) -> tuple[aiohttp.ClientSession, str] | None:
    """What to ask another role with, and its URL; None when nobody said where it is."""
    if peer is None:
        return None
    session = await new_client_session(settings.ca, token=peer.token)
    stack.push_async_callback(session.close)
    return session, peer.url


@asynccontextmanager
async def running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Has ``work``, which has no end, done while the block runs."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def kept(keeper: Keeper) -> AsyncIterator[None]:
    """Keeps all alike while the block runs, and writes down what is left."""
    async with running(keeper.run):
        yield
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WRITES_WITHIN):
            await keeper.save()


@asynccontextmanager
async def planning(planner: Planner) -> AsyncIterator[None]:
    """Plans while the block runs, and lets another one do so after it."""
    async with running(planner.run):
        yield
    with suppress(NearcastError, TimeoutError):
        async with asyncio.timeout(LAST_WRITES_WITHIN):
            await planner.resign()
