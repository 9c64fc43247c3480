"""What one process does for the whole edge: it fills it, and talks with the control plane."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec

from common.clock import Clock
from common.errors import NearcastError
from common.messages import Heartbeat
from common.service import PeerSettings
from common.service.client import new_client_session
from edge.account import Account, account_of
from edge.configured import fill_plan_of
from edge.control_planes import ControlPlanes
from edge.fetch.fetches import Fetches
from edge.fetch.neighbourhood import Neighbourhood
from edge.fill import FillAgent, Purges, Removals
from edge.fill.obtain import Obtain
from edge.orders import OrderFollower
from edge.policy.recent import Recent
from edge.policy.watched import Gathered
from edge.policy.words import GatheredWords
from edge.report import Reporter
from edge.serve.counters import Counters
from edge.settings import Settings
from edge.workers import Duties, Siblings, YieldingCache

LATELY = 5.0
"""Seconds over which bandwidth and load are measured."""


class Lead:
    """The edge as its control plane knows it: what it is told to do, and what it tells."""

    def __init__(
        self,
        settings: Settings,
        control: PeerSettings,
        cache: YieldingCache,
        fetches: Fetches,
        neighbourhood: Neighbourhood,
        siblings: Siblings | None,
        counters: Counters,
        clock: Clock,
        *,
        ready: Callable[[], bool],
    ) -> None:
        """``ready`` tells whether this process takes viewers."""
        self._settings, self._control = settings, control
        self._cache, self._siblings, self._counters = cache, siblings, counters
        self._ready, self._clock = ready, clock
        self._draining = False
        self._started_at = clock.now()
        self._others: list[Account] = []
        self._watched, self._words = Gathered(), GatheredWords()
        self._sending, self._processors = Recent(LATELY), Recent(LATELY)
        self._cores = len(os.sched_getaffinity(0))
        self._removals = Removals(cache, clock)
        self._neighbours = neighbourhood
        self._reporter: Reporter | None = None
        self.agent = FillAgent(
            settings.edge_id,
            cache,
            Obtain(cache, fetches, siblings),
            clock,
            fill_plan_of(settings),
            concurrency=settings.fill_concurrency,
        )
        self._purges = Purges(cache, clock, taken=self.agent.look_again)

    @property
    def trouble(self) -> NearcastError | None:
        """Why the control plane does not listen; None while it does."""
        return self._reporter.trouble if self._reporter is not None else None

    async def prepare(self, stack: AsyncExitStack, duties: Duties) -> None:
        """Learns what must be known before viewers are served, and adds to ``duties`` what goes on
        while they are; ``stack`` closes what this opens."""
        settings = self._settings
        session = await new_client_session(settings.ca, token=self._control.token)
        stack.push_async_callback(session.close)
        urls = (self._control.url, *settings.control_fallbacks)
        planes = ControlPlanes(session, urls, settings.edge_id)
        follower = OrderFollower(
            planes,
            self._clock,
            run=self._started_at,
            agent=self.agent,
            removals=self._removals,
            purges=self._purges,
            neighbours=self._neighbours,
        )
        reporter = self._reporter = Reporter(
            planes,
            self._clock,
            settings.edge_id,
            interval=settings.heartbeat_interval,
            compose=self._heartbeat,
            answered=follower.compare,
            agent=self.agent,
            removals=self._removals,
        )
        planes.moved = reporter.hurry
        self.agent.completed = reporter.completed
        await self._neighbours.look()
        await self.agent.restore()
        await follower.catch_up()
        for duty in (self.agent.run, self._removals.run, follower.run, follower.adopt):
            duties.add(duty)
        duties.add(reporter.run)
        duties.add(reporter.tell)
        if self._siblings is not None:
            duties.add(self._watch_others)

    async def take_leave(self) -> None:
        """Tells that the edge ends, so that no more viewers are sent to it."""
        self._draining = True
        if self._reporter is not None:
            with contextlib.suppress(TimeoutError):
                # Each control plane may take a second until the next is told.
                async with asyncio.timeout(1 + len(self._settings.control_fallbacks)):
                    await self._reporter.beat()

    def _heartbeat(self, sequence: int) -> Heartbeat:
        agent, settings = self.agent, self._settings
        own = account_of(self._counters, self._cache, self._clock)
        self._gather(own)
        accounts = [own, *self._others]
        totals = [account.totals for account in accounts]
        sent = sum(one.bytes_sent for one in totals)
        now, busy = self._clock.monotonic(), sum(one.processor_seconds for one in accounts)
        pending, pending_bytes = agent.pending
        return Heartbeat(
            edge_id=settings.edge_id,
            region=settings.region or "",
            url=settings.url or "",
            started_at=self._started_at,
            sequence=sequence,
            ready=self._ready(),
            desired_revision=agent.revision,
            holdings_revision=agent.holdings_revision,
            capacity_bytes=int(settings.disk),
            used_bytes=self._cache.used * settings.workers,
            requests=sum(one.requests for one in totals),
            hits=sum(one.hits for one in totals),
            bytes_sent=sent,
            fill_pending=pending,
            fill_bytes_pending=pending_bytes,
            active_connections=sum(one.active for one in totals),
            draining=self._draining,
            weight=settings.weight,
            bandwidth=settings.bandwidth,
            sending=int(self._sending.rate(now, 8 * sent)),
            load=min(1.0, self._processors.rate(now, busy) / self._cores),
            errors=sum(one.errors for one in totals),
            disk_errors=sum(one.disk_errors for one in accounts),
            purges=self._purges.cursor,
            watched=self._watched.take(),
            networks=self._words.take(now),
        )

    def _gather(self, account: Account) -> None:
        self._watched.add(account.watched)
        self._words.add(account.networks)

    async def _watch_others(self) -> None:
        """Keeps up with what the other workers have served, for the heartbeat."""
        assert self._siblings is not None
        while True:
            await asyncio.sleep(self._settings.heartbeat_interval)
            told = await self._siblings.tell("/account")
            with contextlib.suppress(msgspec.MsgspecError):
                self._others = [msgspec.json.decode(one, type=Account) for one in told]
                for other in self._others:
                    self._gather(other)
