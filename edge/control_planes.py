"""The control planes of an edge: it talks with one, and goes on to the next when that is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import aiohttp

from common import logs
from common.errors import NearcastError
from common.messages import MessageInvalid, decode, encode

LONGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of an answer."""

T = TypeVar("T")

_log = logs.get(__name__)


class ControlRefused(NearcastError):
    """The control plane refuses this edge ({status}): {reason}"""


class ControlAway(NearcastError):
    """The control plane cannot be reached: {reason}."""


class ControlPlanes:
    """Asks the control plane that answered last."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], edge_id: str) -> None:
        """``urls`` are tried in this order, from the beginning again after the last."""
        self._session = session
        self._bases = [f"{url.rstrip('/')}/v1/edges/{edge_id}" for url in urls]
        self._current = 0
        self._open: set[asyncio.Timeout] = set()
        """The requests that are not answered yet."""
        self.moved: Callable[[], None] = _nobody_cares
        """Called when another one is asked from now on."""

    def __len__(self) -> int:
        return len(self._bases)

    async def ask(
        self,
        name: str,
        kind: type[T],
        *,
        message: Any = None,
        query: Mapping[str, int | str] | None = None,
        within: float,
        begun: Callable[[], None] | None = None,
    ) -> T:
        """The answer about ``name``.

        Args:
            name: the last part of the path.
            kind: of the answer.
            message: what is sent, by POST; without one, it is a GET.
            query: parameters.
            within: seconds until all of the answer has to be there.
            begun: is told that the answer begins to come.

        Raises:
            ControlRefused: the answer is a refusal.
            ControlAway: there is no answer, or none that makes sense.
        """
        method = "GET" if message is None else "POST"
        asked = self._current
        try:
            content = await self._call(method, name, message, query, within, begun)
            try:
                return decode(content, kind)
            except MessageInvalid as error:
                raise ControlAway(reason=f"its answer makes no sense: {error}") from error
        except ControlAway:
            self._leave(asked)
            raise

    async def tell(self, method: str, name: str, message: Any, *, within: float) -> None:
        """Tells it ``message``; arguments and errors are those of ``ask``."""
        asked = self._current
        try:
            await self._call(method, name, message, None, within, None)
        except ControlAway:
            self._leave(asked)
            raise

    def _leave(self, asked: int) -> None:
        if asked == self._current and len(self._bases) > 1:
            self._current = (asked + 1) % len(self._bases)
            _log.warning("another control plane is asked", url=self._bases[self._current])
            for waiting in self._open:
                # Nobody would answer these, or whoever does is not the one that is told the rest.
                if not waiting.expired():
                    waiting.reschedule(asyncio.get_running_loop().time())
            self.moved()

    async def _call(
        self,
        method: str,
        name: str,
        message: Any,
        query: Mapping[str, int | str] | None,
        within: float,
        begun: Callable[[], None] | None,
    ) -> bytes:
        body = None if message is None else encode(message)
        try:
            async with (
                self._limited(within),
                self._session.request(
                    method,
                    f"{self._bases[self._current]}/{name}",
                    params=query,
                    data=body,
                    headers={"Content-Type": "application/json"} if body is not None else {},
                    timeout=aiohttp.ClientTimeout(total=None),
                    allow_redirects=False,
                ) as response,
            ):
                if begun is not None:
                    begun()
                content = bytearray()
                async for piece in response.content.iter_any():
                    content += piece
                    if len(content) > LONGEST_ANSWER:
                        raise ControlAway(reason="its answer is too long")
                if response.status >= 500:
                    raise ControlAway(reason=f"it answers {response.status}")
                if response.status >= 300:
                    raise ControlRefused(status=response.status, reason=_told(bytes(content)))
                return bytes(content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ControlAway(reason=str(error) or type(error).__name__) from error

    @contextlib.asynccontextmanager
    async def _limited(self, within: float) -> AsyncIterator[None]:
        """Ends the block after ``within`` seconds, or when another control plane is asked."""
        async with asyncio.timeout(within) as limit:
            self._open.add(limit)
            try:
                yield
            finally:
                self._open.discard(limit)


def _told(body: bytes) -> str:
    try:
        return str(decode(body, dict[str, object]).get("detail", ""))[:300]
    except MessageInvalid:
        return "it does not say why."


def _nobody_cares() -> None:
    pass
