"""What an edge tells its control plane: that it lives, how it is, what it holds and has removed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import CarriedOut, Heartbeat, HeartbeatAnswer
from edge.control_planes import ControlAway, ControlPlanes, ControlRefused
from edge.fill import FillAgent, Removals

ANSWER_WITHIN: Final = 5.0
"""Seconds that the control plane gets to answer a heartbeat."""
ANSWER_WITHIN_OF_SEVERAL: Final = 1.0
"""Seconds that one of several control planes gets: the next hears it before it is missed."""
TOLD_WITHIN: Final = 30.0
"""Seconds that all other news get."""
SHORTEST_INTERVAL: Final = 0.2
"""Seconds between heartbeats, and between news of what is held, however much there is to tell."""
TOLD_AT_ONCE: Final = 1000
"""Removals in one message."""

_log = logs.get(__name__)


class Reporter:
    """Sends a heartbeat every ``interval`` seconds, and the news that the answers ask for."""

    def __init__(
        self,
        planes: ControlPlanes,
        clock: Clock,
        edge_id: str,
        *,
        interval: float,
        compose: Callable[[int], Heartbeat],
        answered: Callable[[HeartbeatAnswer], Awaitable[None]],
        agent: FillAgent,
        removals: Removals,
    ) -> None:
        """Reports.

        Args:
            planes: whom to.
            clock: the time.
            edge_id: the edge's name.
            interval: seconds between heartbeats.
            compose: makes the heartbeat with the sequence number that it is given.
            answered: is told each answer to one.
            agent: knows what the edge holds.
            removals: knows what it has removed.
        """
        self._planes = planes
        self._clock = clock
        self._edge_id = edge_id
        self._interval = interval
        self._compose = compose
        self._answered = answered
        self._agent = agent
        self._removals = removals
        self._told: frozenset[str] = frozenset()
        """The removals that the control plane knows to be carried out here."""
        self._confirmed = ""
        """The revision of the holdings that it knows."""
        self._sequence = 0
        self._hurried = asyncio.Event()
        self._asked = asyncio.Event()
        self._send_holdings = False
        self.trouble: NearcastError | None = None
        """Why the control plane does not listen; None while it does."""

    def hurry(self) -> None:
        """Has the next heartbeat sent now, not at its time."""
        self._hurried.set()

    def completed(self) -> None:
        """Has it told that more is held now: viewers wait for no heartbeat that asks for it."""
        if not self._confirmed:
            self.hurry()
            return
        self._send_holdings = True
        self._asked.set()

    async def run(self) -> None:
        """Sends heartbeats for ever."""
        while True:
            self._hurried.clear()
            began = self._clock.monotonic()
            await self.beat()
            try:
                async with asyncio.timeout(self._interval):
                    await self._hurried.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(began + SHORTEST_INTERVAL - self._clock.monotonic())

    async def beat(self) -> None:
        """Sends one. Trouble is told when it begins and when it ends, not every second."""
        self._sequence += 1
        heartbeat = self._compose(self._sequence)
        for others in reversed(range(len(self._planes))):
            try:
                await self._send(heartbeat)
            except NearcastError as error:
                if others and isinstance(error, ControlAway):
                    continue
                if type(error) is not type(self.trouble):
                    _log.warning("control plane does not listen, serving on", reason=str(error))
                self.trouble = error
            else:
                if self.trouble is not None:
                    _log.info("control plane listens again")
                self.trouble = None
            return

    async def _send(self, heartbeat: Heartbeat) -> None:
        known = self._confirmed
        several = len(self._planes) > 1
        answer = await self._planes.ask(
            "heartbeat",
            HeartbeatAnswer,
            message=heartbeat,
            within=ANSWER_WITHIN_OF_SEVERAL if several else ANSWER_WITHIN,
        )
        if answer.send_holdings and heartbeat.holdings_revision == known:
            # It knew them before it started anew, or it is another one.
            self._confirmed = ""
        self._send_holdings = answer.send_holdings
        self._asked.set()
        await self._answered(answer)

    async def tell(self) -> None:
        """Tells news for ever, beside heartbeats: those never wait for it."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            began = self._clock.monotonic()
            try:
                await self._tell_removals()
                if not self._send_holdings or self._confirmed == self._agent.holdings_revision:
                    continue
                await self._tell_holdings()
            except NearcastError as error:
                _log.info("news are told later", reason=str(error))
            await asyncio.sleep(began + SHORTEST_INTERVAL - self._clock.monotonic())

    async def _tell_removals(self) -> None:
        """Tells which removals were carried out since the last time."""
        done = frozenset(self._removals.done)
        fresh = sorted(done - self._told)[:TOLD_AT_ONCE]
        if fresh:
            told = CarriedOut(self._edge_id, tuple(fresh))
            await self._planes.tell("PUT", "removals", told, within=TOLD_WITHIN)
        self._told = (self._told & done).union(fresh)

    async def _tell_holdings(self) -> None:
        """Tells what changed of what it holds, or all where the control plane knows too little."""
        change = self._agent.holdings_since(self._confirmed)
        if change is not None:
            try:
                await self._planes.tell("POST", "holdings", change, within=TOLD_WITHIN)
            except ControlRefused:
                self._confirmed = ""
            else:
                self._confirmed = change.revision
                return
        holdings = self._agent.holdings()
        await self._planes.tell("PUT", "holdings", holdings, within=TOLD_WITHIN)
        self._confirmed = holdings.revision
