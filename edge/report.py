"""The edge's side of the talk with the control plane: heartbeats, and what comes of the answers."""

import asyncio
from collections.abc import Callable

import aiohttp

from common import logs
from common.errors import NearcastError
from common.messages import (
    CarriedOut,
    DesiredState,
    Heartbeat,
    HeartbeatAnswer,
    MessageInvalid,
    OrderedRemovals,
    decode,
    encode,
)
from edge.fill import FillAgent, Removals

ANSWER_WITHIN = aiohttp.ClientTimeout(total=5)
"""Seconds that the control plane gets for one answer."""
LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of a desired state."""
FIRST_ANSWER_WITHIN = 2.0
"""Seconds that an edge that starts waits for what was removed while it was away."""
TOLD_AT_ONCE = 1000
"""Removals in one message."""

_log = logs.get(__name__)


class ControlRefused(NearcastError):
    """The control plane refuses this edge ({status}): {reason}"""


class ControlAway(NearcastError):
    """The control plane cannot be reached: {reason}."""


class Reporter:
    """Sends a heartbeat every ``interval`` seconds and does what the answers ask for."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        edge_id: str,
        *,
        interval: float,
        compose: Callable[[int], Heartbeat],
        agent: FillAgent,
        removals: Removals,
    ) -> None:
        """``compose`` makes the heartbeat with the sequence number that it is given."""
        self._session = session
        self._base = f"{url.rstrip('/')}/v1/edges/{edge_id}"
        self._interval = interval
        self._compose = compose
        self._agent = agent
        self._removals = removals
        self._told: frozenset[str] = frozenset()
        """The removals that the control plane knows to be carried out here."""
        self._edge_id = edge_id
        self._sequence = 0
        self.trouble: NearcastError | None = None
        """Why the control plane does not listen; None while it does."""

    async def learn_removals(self) -> None:
        """Learns what was removed while the edge was away, before it serves; but where the control
        plane is away, it serves what it has."""
        try:
            async with asyncio.timeout(FIRST_ANSWER_WITHIN):
                await self._learn_removals()
        except (NearcastError, TimeoutError) as error:
            _log.info("removals are not known yet", reason=str(error) or "no answer")

    async def run(self) -> None:
        """Reports for ever."""
        while True:
            await self.beat()
            await asyncio.sleep(self._interval)

    async def beat(self) -> None:
        """Reports once. Trouble is told when it begins and when it ends, not every second."""
        try:
            await self._report()
        except NearcastError as error:
            if type(error) is not type(self.trouble):
                _log.warning("control plane does not listen, serving on", reason=str(error))
            self.trouble = error
        else:
            if self.trouble is not None:
                _log.info("control plane listens again")
            self.trouble = None

    async def _report(self) -> None:
        self._sequence += 1
        heartbeat = self._compose(self._sequence)
        answer = decode(await self._call("POST", "heartbeat", encode(heartbeat)), HeartbeatAnswer)
        if answer.removals_revision == 0:
            await self._removals.apply(OrderedRemovals(0, ()))
        elif answer.removals_revision != self._removals.revision:
            await self._learn_removals()
        await self._tell_removals()
        if answer.desired_revision != self._agent.revision:
            await self._agent.apply(decode(await self._call("GET", "desired"), DesiredState))
        if answer.send_holdings:
            await self._call("PUT", "holdings", encode(self._agent.holdings()))

    async def _learn_removals(self) -> None:
        await self._removals.apply(decode(await self._call("GET", "removals"), OrderedRemovals))

    async def _tell_removals(self) -> None:
        """Tells which removals were carried out since the last time."""
        done = frozenset(self._removals.done)
        fresh = sorted(done - self._told)[:TOLD_AT_ONCE]
        if fresh:
            told = CarriedOut(self._edge_id, tuple(fresh))
            await self._call("PUT", "removals", encode(told))
        self._told = (self._told & done).union(fresh)

    async def _call(self, method: str, name: str, body: bytes | None = None) -> bytes:
        """The body of a good answer.

        Raises:
            ControlRefused: the answer is a refusal.
            ControlAway: there is no answer.
        """
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with self._session.request(
                method,
                f"{self._base}/{name}",
                data=body,
                headers=headers,
                timeout=ANSWER_WITHIN,
                allow_redirects=False,
            ) as response:
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


def _told(body: bytes) -> str:
    try:
        return str(decode(body, dict[str, object]).get("detail", ""))[:300]
    except MessageInvalid:
        return "it does not say why."
