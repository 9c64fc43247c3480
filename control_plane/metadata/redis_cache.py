"""Hot metadata in Redis, for control planes on many machines: what one of them edits, all see.

Redis may be away, slow, or full of what others wrote: whatever is not answered in time and in form
was not found.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final, TypeVar

import msgspec
from redis.exceptions import RedisError

from common import logs
from common.clock import Clock
from common.service.redis import redis_client
from control_plane.metadata.records import Metadata

PREFIX: Final = "nearcast:metadata:"
ANSWER_WITHIN: Final = 0.05
"""Seconds."""
LEFT_ALONE_FOR: Final = 1.0
"""Seconds for which nothing is asked of a Redis that has not answered."""
KEPT_FOR: Final = 60
"""Seconds. For so long what was before an edit may be shown, if Redis did not take the edit."""

T = TypeVar("T")

_DIGITS: Final = 10
"""Of the revision that each value begins with, so that Redis can compare it."""
_PUT: Final = """
for i = 1, #KEYS do
    local kept = redis.call('GET', KEYS[i])
    local revision = kept and tonumber(string.sub(kept, 1, 10)) or -1
    if revision <= tonumber(string.sub(ARGV[i + 1], 1, 10)) then
        redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[1])
    end
end
"""

_log = logs.get(__name__)


class RedisCache:
    """The adapter for many machines."""

    def __init__(self, url: str, clock: Clock, prefix: str = PREFIX) -> None:
        """Connects when it is first asked for something.

        Raises:
            SettingsInvalid: the URL is none.
        """
        self._client: Any = redis_client(url, key="redis")
        self._clock = clock
        self._prefix = prefix
        self._decoder = msgspec.msgpack.Decoder(Metadata)
        self._away_until = 0.0
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why nothing is found, for people; None while Redis answers."""
        return self._trouble

    async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """See the port."""
        names = list(asset_ids)
        if not names:
            return {}
        values = await self._asked(lambda: self._client.mget([self._prefix + n for n in names]))
        found = dict[str, Metadata]()
        for name, value in zip(names, values or (), strict=False):
            metadata = self._read(value)
            if metadata is not None and metadata.asset_id == name:
                found[name] = metadata
        return found

    async def put(self, found: Collection[Metadata]) -> None:
        """See the port."""
        if not found:
            return
        keys = [self._prefix + each.asset_id for each in found]
        values = [
            b"%0*d" % (_DIGITS, each.revision) + msgspec.msgpack.encode(each) for each in found
        ]
        await self._asked(lambda: self._client.eval(_PUT, len(keys), *keys, KEPT_FOR, *values))

    async def drop(self, asset_ids: Collection[str]) -> None:
        """See the port."""
        keys = [self._prefix + name for name in asset_ids]
        if keys:
            await self._asked(lambda: self._client.delete(*keys))

    async def close(self) -> None:
        """See the port."""
        with contextlib.suppress(RedisError, OSError):
            await self._client.aclose()

    def _read(self, value: Any) -> Metadata | None:
        if not isinstance(value, bytes):
            return None
        try:
            return self._decoder.decode(value[_DIGITS:])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    async def _asked(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        if self._clock.monotonic() < self._away_until:
            return None
        try:
            answer = await _soon(operation())
        except Exception as error:
            # Of what makes no sense to it, the driver raises whatever comes.
            if self._trouble is None:
                _log.warning("metadata is read without redis", error=str(error)[:200])
            self._trouble = str(error).strip()[:200] or type(error).__name__
            self._away_until = self._clock.monotonic() + LEFT_ALONE_FOR
            return None
        self._trouble = None
        return answer


async def _soon(operation: Coroutine[Any, Any, T]) -> T:
    """What ``operation`` answers.

    Raises:
        TimeoutError: not in time. It is not waited for until it has ended either: the driver may
            lose a cancellation.
    """
    asking = asyncio.create_task(operation)
    try:
        done, _ = await asyncio.wait([asking], timeout=ANSWER_WITHIN)
        if not done:
            raise TimeoutError("it has not answered in time")
        return asking.result()
    finally:
        if not asking.done():
            asking.cancel()
            asking.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
