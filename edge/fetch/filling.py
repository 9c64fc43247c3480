"""Carrying a response's bytes into the cache, on its own, whoever waits for them.

What breaks off is taken up where it stopped, when the origin can prove that it is still the same
representation (RFC 9110 §13.1.5, §14.2). What cannot be, or turns out wrong, is never kept, and
those who wait are cut instead of being given a proper end.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from common import logs
from common.errors import NearcastError, StorageFull
from edge.fetch.arriving import Arriving, received
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable, WrongBytes
from edge.fetch.transfer import Transfer
from edge.policy.partial import strong_validator
from edge.store import Cache

RESUMES = 3
"""Times that a broken transfer is taken up again."""
INTERRUPTED = (UpstreamBroke, UpstreamSlow, UpstreamUnreachable)

_log = logs.get(__name__)


async def fill(
    cache: Cache,
    key: str,
    arriving: Arriving,
    transfer: Transfer,
    unchanged: Callable[[], bool],
    *,
    largest: int,
) -> None:
    """Writes what comes until its end, and stores it; ``arriving`` is told how it went.

    Args:
        cache: where to.
        key: the cache key.
        arriving: what others read.
        transfer: brings the content; its stack is closed here.
        unchanged: whether nothing has invalidated what is under the key since it was asked for.
        largest: bytes that an object may have.
    """
    try:
        async with transfer.stack:
            await _receive(arriving, transfer, largest)
        await _finish(cache, key, arriving, unchanged)
    except WrongBytes as error:
        transfer.was_wrong()
        _log.warning("wrong bytes", key=key, source=transfer.sender, reason=str(error))
        if arriving.body.grows:
            # What was there before may be what is wrong.
            await _forget(cache, key)
        arriving.failed(error)
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


async def _forget(cache: Cache, key: str) -> None:
    with contextlib.suppress(NearcastError):
        await cache.forget(key)


async def _receive(arriving: Arriving, transfer: Transfer, largest: int) -> None:
    position = arriving.span[0]
    expected = arriving.size if arriving.span[1] is None else arriving.span[1]
    for attempt in range(RESUMES + 1):
        try:
            async for piece in transfer.pieces():
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
            told = await transfer.resume(position, arriving.span[1])
            if told is None or told.start != position:
                raise
            if told.size not in {None, arriving.size}:
                raise


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
        WrongBytes: its bytes are not what they should be.
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
            reason = f"its SHA-256 is {digest.hex()}, not {expected.hex()}"
            raise WrongBytes(key=key, reason=reason)
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
    if strong_validator(arriving.stored) is None:
        return
    if arrived[1] == arriving.size and arrived[0] == 0:
        # All came, and was found wrong.
        return
    stored = msgspec.structs.replace(arriving.stored, size=arriving.size)
    arriving.kept = await cache.commit(key, stored, arriving.body, arrived)
