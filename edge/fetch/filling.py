"""Carrying a response's bytes into the cache, on its own, whoever waits for them.

What breaks off is taken up where it stopped, when the origin can prove that it is still the same
representation (RFC 9110 §13.1.5, §14.2). What cannot be, or turns out wrong, is never kept, and
those who wait are cut instead of being given a proper end.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import AsyncExitStack

import msgspec

from common import logs
from common.errors import NearcastError, StorageFull
from edge.fetch.arriving import Arriving, received
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable
from edge.policy.partial import read_content_range, strong_validator
from edge.store import Cache

RESUMES = 3
"""Times that a broken transfer is taken up again."""
INTERRUPTED = (UpstreamBroke, UpstreamSlow, UpstreamUnreachable)

_log = logs.get(__name__)

Resume = Callable[[AsyncExitStack, str], Awaitable["Resumed | None"]]
"""Asks upstream again, with the Range that it is given and the If-Range that belongs to it."""


class Resumed(msgspec.Struct, frozen=True):
    """The answer to a request for the rest."""

    content_range: str
    pieces: AsyncIterable[bytes]


async def fill(
    cache: Cache,
    key: str,
    arriving: Arriving,
    stack: AsyncExitStack,
    pieces: AsyncIterable[bytes],
    resume: Resume,
    unchanged: Callable[[], bool],
    *,
    largest: int,
) -> None:
    """Writes ``pieces`` until their end, and stores them; ``arriving`` is told how it went.

    Args:
        cache: where to.
        key: the cache key.
        arriving: what others read.
        stack: holds the exchange with upstream, and is closed here.
        pieces: the content.
        resume: gets the rest after a break.
        unchanged: whether nothing has invalidated what is under the key since it was asked for.
        largest: bytes that an object may have.
    """
    try:
        async with stack:
            await _receive(arriving, stack, pieces, resume, largest)
        await _finish(cache, key, arriving, unchanged)
    except NearcastError as error:
        _log.warning("fetch failed", key=key, reason=str(error))
        if unchanged():
            await _keep_part(cache, key, arriving)
        arriving.failed(error)
    except asyncio.CancelledError:
        arriving.failed(UpstreamBroke(key=key, reason="this edge stops"))
        raise
    except Exception as error:
        _log.exception("fetch failed unexpectedly", key=key)
        arriving.failed(UpstreamBroke(key=key, reason=type(error).__name__))
    finally:
        try:
            if arriving.kept is None:
                await asyncio.to_thread(arriving.body.discard)
        finally:
            arriving.leave()


async def _receive(
    arriving: Arriving,
    stack: AsyncExitStack,
    pieces: AsyncIterable[bytes],
    resume: Resume,
    largest: int,
) -> None:
    position = arriving.span[0]
    expected = arriving.size if arriving.span[1] is None else arriving.span[1]
    for attempt in range(RESUMES + 1):
        try:
            async for piece in pieces:
                if expected is not None and position + len(piece) > expected:
                    raise UpstreamBroke(key="it", reason="more bytes came than were told")
                if arriving.spilled or (expected is None and position + len(piece) > largest):
                    await arriving.spill(position, piece)
                else:
                    await _write(arriving, position, piece)
                arriving.grew(position, piece)
                position += len(piece)
            if expected is None or position == expected:
                return
            raise UpstreamBroke(
                key="it", reason=f"{position} bytes came of {expected} that were told"
            )
        except INTERRUPTED:
            provable = strong_validator(arriving.stored) is not None
            if attempt == RESUMES or not provable or expected is None:
                raise
            stop = "" if arriving.span[1] is None else str(expected - 1)
            resumed = await resume(stack, f"bytes={position}-{stop}")
            told = read_content_range(resumed.content_range) if resumed is not None else None
            if resumed is None or told is None or told.start != position:
                raise
            if told.size not in {None, arriving.size}:
                raise
            pieces = resumed.pieces


async def _write(arriving: Arriving, position: int, piece: bytes) -> None:
    body = arriving.body
    if body.is_quick(position, len(piece)):
        body.write(position, piece)
        return
    writing = asyncio.ensure_future(asyncio.to_thread(body.write, position, piece))
    try:
        await asyncio.shield(writing)
    except StorageFull:
        await arriving.spill(position, piece)
    finally:
        # A thread cannot be cancelled: the file must not be closed before it is done.
        await asyncio.wait([writing])


async def _finish(
    cache: Cache, key: str, arriving: Arriving, unchanged: Callable[[], bool]
) -> None:
    """Checks what came, and stores it.

    Raises:
        UpstreamBroke: its bytes are not what they should be.
    """
    arrived = received(arriving.body, arriving.span)
    if arriving.spilled:
        arriving.ended(arriving.size or arrived[1], None)
        return
    size = arrived[1] if arriving.size is None else arriving.size
    stored = msgspec.structs.replace(arriving.stored, size=size)
    expected = stored.sha256
    if expected and arriving.body.available(0) == size:
        digest = await asyncio.to_thread(arriving.body.whole_digest, size)
        if digest != expected:
            raise UpstreamBroke(
                key=key, reason=f"its SHA-256 is {digest.hex()}, not {expected.hex()}"
            )
    kept = await cache.commit(key, stored, arriving.body, arrived) if unchanged() else None
    if kept is not None and not unchanged():
        await cache.forget(key)
        kept = None
    arriving.ended(size, kept)


async def _keep_part(cache: Cache, key: str, arriving: Arriving) -> None:
    """Stores what came before a break, if the rest can be combined with it later."""
    arrived = received(arriving.body, arriving.span)
    if arriving.spilled or arriving.size is None or arrived[0] == arrived[1]:
        return
    if strong_validator(arriving.stored) is None or arriving.stored.sha256:
        return
    if arrived[1] == arriving.size and arrived[0] == 0:
        # All came, and was found wrong.
        return
    stored = msgspec.structs.replace(arriving.stored, size=arriving.size)
    arriving.kept = await cache.commit(key, stored, arriving.body, arrived)
