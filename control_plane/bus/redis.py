"""Hints between machines, over one channel of Redis."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Annotated

import msgspec

from common import logs
from common.errors import Unavailable
from common.service.redis import RECONNECT_AFTER, RedisChannel
from control_plane.bus.handlers import Handlers
from control_plane.bus.port import HINT_AT_MOST, Hint

CHANNEL = "nearcast:control"
WAITING_AT_MOST = 1000
"""Hints that wait to be sent; with bodies of the greatest size these are 64 MiB."""
AT_ONCE = 100
"""Hints that are sent together."""

_log = logs.get(__name__)


class _Told(msgspec.Struct, frozen=True, array_like=True):
    """A hint on its way."""

    sender: Annotated[str, msgspec.Meta(max_length=64)]
    hint: Hint


class RedisBus:
    """The adapter for many machines."""

    def __init__(self, url: str, channel: str = CHANNEL) -> None:
        self._me = uuid.uuid4().hex
        self._handlers = Handlers()
        # In their order; what is the same is there once.
        self._waiting: dict[Hint, None] = {}
        self._some_wait = asyncio.Event()
        self._unsent: str | None = None
        self._decoder = msgspec.msgpack.Decoder(_Told)
        self._channel = RedisChannel(url, channel, self._heard, key="redis")
        # The driver may lose a cancellation, see RedisChannel.
        self._open = True
        self._sending = asyncio.create_task(self._send())

    @property
    def trouble(self) -> str | None:
        """See the port."""
        return self._channel.trouble or self._unsent

    async def listening(self) -> None:
        """Returns once Redis has confirmed that this process listens."""
        await self._channel.listening()

    def publish(self, hint: Hint) -> None:
        """See the port."""
        assert len(hint.body) <= HINT_AT_MOST
        self._waiting[hint] = None
        if len(self._waiting) > WAITING_AT_MOST:
            del self._waiting[next(iter(self._waiting))]
        self._some_wait.set()

    def subscribe(self, handler: Callable[[Hint], None]) -> None:
        """See the port."""
        self._handlers.add(handler)

    async def close(self) -> None:
        """See the port."""
        self._open = False
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        await self._channel.close()

    async def _send(self) -> None:
        while self._open:
            await self._some_wait.wait()
            hints = list(self._waiting)[:AT_ONCE]
            for hint in hints:
                del self._waiting[hint]
            if not self._waiting:
                self._some_wait.clear()
            told = [msgspec.msgpack.encode(_Told(self._me, hint)) for hint in hints]
            try:
                await self._channel.publish(*told)
            except Unavailable as error:
                if self._unsent is None:
                    _log.warning("hints are lost until redis answers", error=str(error))
                self._unsent = str(error)
                await asyncio.sleep(RECONNECT_AFTER)
            else:
                self._unsent = None

    async def _heard(self, message: bytes) -> None:
        try:
            told = self._decoder.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # Another release's kind, or another program on the channel.
            return
        if told.sender != self._me:
            self._handlers.tell(told.hint)
