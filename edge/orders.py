"""What the control plane orders: one request always waits for it, and what comes is carried out.

Asking again with new numbers is the proof that all up to them is done. So nothing slow stands
between an answer and the next request: a desired state is adopted meanwhile.
"""

import asyncio
import random
from typing import Final

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import (
    DesiredChange,
    HeartbeatAnswer,
    OrderedRemovals,
    Orders,
)
from edge.control_planes import ControlAway, ControlPlanes
from edge.fetch.neighbourhood import Neighbourhood
from edge.fill import FillAgent, Purges, Removals
from edge.policy.desired_changes import joined

WAIT: Final = 25
"""Seconds that the control plane may keep a request waiting."""
ANSWER_WITHIN: Final = 10.0
"""Seconds that its answer may take besides."""
FIRST_PAUSE: Final = 0.2
"""Seconds, at most, before it is asked again after an answer that was of no use."""
LONGEST_PAUSE: Final = 5.0
"""Seconds that the pause, doubled each time, grows to."""
LOST_AFTER: Final = 2.0
"""Seconds for which a heartbeat's answer may know of more than the request that waits."""
FIRST_ANSWER_WITHIN: Final = 2.0
"""Seconds that an edge that starts waits for what was ordered while it was away, each time that it
asks."""

_log = logs.get(__name__)


class OrderFollower:
    """Follows the orders of the control plane."""

    def __init__(
        self,
        planes: ControlPlanes,
        clock: Clock,
        *,
        run: float,
        agent: FillAgent,
        removals: Removals,
        purges: Purges,
        neighbours: Neighbourhood,
    ) -> None:
        """``run`` is when the edge started, by which its heartbeats name this run of it."""
        self._run = str(run)
        self._planes = planes
        self._clock = clock
        self._agent = agent
        self._removals = removals
        self._purges = purges
        self._neighbours = neighbours
        self._desired = agent.revision
        """The desired state that has come, and is adopted now or was."""
        self._to_adopt: DesiredChange | None = None
        self._came = asyncio.Event()
        self._hanging: asyncio.Timeout | None = None
        """The request that waits, while nothing of its answer has come."""
        self._differs_since: float | None = None
        self._trouble: NearcastError | None = None

    async def catch_up(self) -> None:
        """Carries out what was ordered while the edge was away, before it serves; but where the
        control plane is away, it serves what it has."""
        self._desired = self._agent.revision
        try:
            async with asyncio.timeout(FIRST_ANSWER_WITHIN) as patience:
                await self._catch_up(patience)
        except (NearcastError, TimeoutError) as error:
            _log.info("orders are not known yet", reason=str(error) or "no answer")

    async def _catch_up(self, patience: asyncio.Timeout) -> None:
        others = len(self._planes) - 1
        while True:
            known = self._purges.cursor
            try:
                orders = await self._ask(0, FIRST_ANSWER_WITHIN / len(self._planes))
            except ControlAway:
                if others == 0:
                    raise
                others -= 1
                continue
            await self._carry_out(orders)
            if orders.purges is None or self._purges.cursor in {known, orders.purges.head}:
                return
            # However many there are, none of what they take is served.
            patience.reschedule(asyncio.get_running_loop().time() + FIRST_ANSWER_WITHIN)

    async def run(self) -> None:
        """Follows for ever. Trouble is told when it begins and when it ends."""
        pause = FIRST_PAUSE
        while True:
            asked, began = self._known(), self._clock.monotonic()
            try:
                if (orders := await self._wait()) is None:
                    continue
                await self._carry_out(orders)
            except NearcastError as error:
                if type(error) is not type(self._trouble):
                    _log.warning("no orders, serving on", reason=str(error))
                self._trouble = error
            else:
                if self._trouble is not None:
                    _log.info("orders come again")
                self._trouble = None
                if self._known() != asked or self._clock.monotonic() - began >= WAIT:
                    pause = FIRST_PAUSE
                    continue
            # Also after an answer that came early and changed nothing: it would do so again.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    def _known(self) -> dict[str, int]:
        return {
            "desired": self._desired,
            # Below 0 is what an earlier run has left, which no number of this one is.
            "removals": max(self._removals.revision, 0),
            "purges": self._purges.cursor,
            "neighbours": self._neighbours.revision,
        }

    async def _wait(self) -> Orders | None:
        """The next orders; None when the request for them was given up."""
        try:
            async with asyncio.timeout(None) as hanging:
                return await self._ask(WAIT, WAIT + ANSWER_WITHIN, hanging)
        except TimeoutError:
            return None

    async def _ask(
        self, wait: int, within: float, hanging: asyncio.Timeout | None = None
    ) -> Orders:
        self._hanging, self._differs_since = hanging, None
        try:
            return await self._planes.ask(
                "orders",
                Orders,
                query={**self._known(), "run": self._run, "wait": wait},
                within=within,
                begun=self._begun,
            )
        finally:
            self._hanging = None

    def _begun(self) -> None:
        self._hanging = None

    def ask_again(self) -> None:
        """Gives up the request that waits, if one does, for another."""
        if self._hanging is not None:
            self._hanging.reschedule(asyncio.get_running_loop().time())
            self._hanging = None

    async def _carry_out(self, orders: Orders) -> None:
        if orders.removals is not None:
            await self._removals.apply(orders.removals)
        if orders.purges is not None:
            await self._purges.apply(orders.purges)
        if orders.neighbours is not None:
            await self._neighbours.apply(orders.neighbours)
        change = orders.desired
        if change is not None and change.since in {0, self._desired}:
            waiting = self._to_adopt
            self._to_adopt = change if waiting is None else joined(waiting, change)
            self._desired = change.revision
            self._came.set()

    async def adopt(self) -> None:
        """Adopts, for ever, what comes of desired states."""
        pause = FIRST_PAUSE
        while True:
            await self._came.wait()
            self._came.clear()
            change, self._to_adopt = self._to_adopt, None
            if change is None:
                continue
            try:
                await self._agent.apply_change(change)
            except asyncio.CancelledError:
                # Another process was to do so, and it may come back to this one.
                waiting = self._to_adopt
                self._to_adopt = change if waiting is None else joined(change, waiting)
                self._came.set()
                raise
            if self._agent.revision == change.revision:
                pause = FIRST_PAUSE
                continue
            # What waits builds on what could not be adopted: the whole is asked for.
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._to_adopt = None
            self._desired = self._agent.revision
            self.ask_again()

    async def compare(self, answer: HeartbeatAnswer) -> None:
        """Finds out, from the answer to a heartbeat, whether the request that waits was lost."""
        if answer.removals_revision == 0 and self._removals.revision < 0:
            # There are none: what bars an earlier run has left may be lifted.
            await self._removals.apply(OrderedRemovals(0, ()))
        same = (
            answer.desired_revision == self._desired
            and answer.removals_revision == self._removals.revision
            and answer.purges == self._purges.cursor
        )
        now = self._clock.monotonic()
        if same or self._hanging is None:
            self._differs_since = None
        elif self._differs_since is None:
            self._differs_since = now
        elif now - self._differs_since >= LOST_AFTER:
            _log.warning("a request for orders was lost, asking again")
            self.ask_again()
