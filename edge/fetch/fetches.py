"""One request upstream for all who want the same, and what became of it.

Whoever comes first asks. The others wait for the head of the response: if it may be shared they
read its bytes as they arrive, otherwise each asks for itself. A response that is to be stored is
written by a task of its own, so no viewer who leaves or lingers harms another.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterable, Coroutine
from contextlib import AsyncExitStack

import msgspec

from common.clock import Clock
from common.errors import NearcastError
from common.http.digests import repr_sha256
from edge.fetch.arriving import Arriving
from edge.fetch.begun import Begun
from edge.fetch.errors import ObjectRemoved, PartsDiffer, UpstreamBroke
from edge.fetch.filling import fill
from edge.fetch.flights import FlightKey, Flights, Shared
from edge.fetch.memory import Memory
from edge.fetch.outcomes import Ask, Coming, Outcome, Passing, Settled, Validated
from edge.fetch.pacing import Pacing
from edge.fetch.pool import Exchange
from edge.fetch.transfer import Transfer
from edge.fetch.upstream import Upstream, response_of
from edge.policy.messages import Request, Response
from edge.policy.partial import read_content_range, same_representation
from edge.policy.storing import Storing, judge_storing
from edge.policy.updating import freshen
from edge.policy.vary import matches, selecting_fields, selecting_names
from edge.store import Cache

MOST_FETCHES = 512
"""Responses that arrive for the cache at the same time."""


class Fetches:
    """What is under way upstream."""

    def __init__(
        self,
        cache: Cache,
        upstream: Upstream,
        clock: Clock,
        *,
        pacing: Pacing | None = None,
        heuristic: float = 0.0,
        negative: float = 0.0,
    ) -> None:
        """Fetches into ``cache`` from ``upstream``, what nobody waits for at the rate of
        ``pacing``; the rest is as in ``freshness.lifetime``."""
        self.cache = cache
        self.upstream = upstream
        self.clock = clock
        self._pacing = pacing
        self.guesses = {"heuristic": heuristic, "negative": negative}
        self.flights = Flights()
        self.arriving: dict[str, list[Arriving]] = {}
        """What is on its way into the cache, by key."""
        self.begun: set[Begun] = set()
        """What has been sent and nobody waits for."""
        self.looking: asyncio.TimerHandle | None = None
        """The next look at that."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.memory = Memory(clock)

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def is_full(self) -> bool:
        """Whether no more may be on its way into the cache."""
        return len(self._tasks) >= MOST_FETCHES or len(self.arriving) >= MOST_FETCHES

    async def settled(self, key: str) -> None:
        """Waits until what has come whole is stored: it is newer than what the cache has."""
        for arriving in tuple(self.arriving.get(key, ())):
            if arriving.settles:
                await arriving.settled()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Does ``work`` in the background."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def invalidate(self, key: str) -> None:
        """Forgets what is stored under ``key``, and keeps nothing that was asked for before.

        Raises:
            NearcastError: the index cannot be written.
        """
        self.memory.count_change(key)
        await self.cache.forget(key)

    async def obtain(self, ask: Ask, begun: Begun | None = None) -> Outcome:
        """What is wanted, from upstream: from a request that is under way, or a new one.

        Args:
            ask: what is wanted.
            begun: a request for just that, if the asker's own has been sent already.

        Raises:
            NearcastError: it cannot be had, or was removed, whoever still has it.
        """
        if begun is not None and not ask.alone and begun.resume():
            sending = self._ask_upstream(ask, begun)
            return await self.flights.lead(ask, begun.flight, sending)
        if self.cache.purges.barred(ask.key):
            raise ObjectRemoved(key=ask.key)
        outcome = None if ask.alone else await self._with_others(ask)
        return outcome or await self._ask_upstream(ask)

    async def _with_others(self, ask: Ask) -> Outcome | None:
        """What comes of the one request for all who want the same; None for who has to ask."""
        for _ in range(3):
            arriving = self._join(ask)
            if arriving is not None and arriving.settles:
                await arriving.settled()
                return Settled()
            if arriving is not None and not ask.reload:
                arriving.hurried |= not ask.paced
                return Coming(arriving.enter(), collapsed=True)
            flight_key = self.flight_key(ask.key, ask.range, ask.request)
            flight = self.flights.get(flight_key)
            if flight is None:
                flight = self.flights.begin(flight_key)
                return await self.flights.lead(ask, flight, self._ask_upstream(ask))
            shared = await flight.landed()
            if shared is None:
                break
            outcome = self._taken(ask, shared)
            if outcome is not None:
                return outcome
        return None

    def flight_key(self, key: str, span: str | None, request: Request) -> FlightKey:
        """What requests have in common that are answered with one response."""
        names = self.memory.vary(key)
        selecting = selecting_fields(names, request.fields) if names else ()
        # Whoever asks after a purge does not want what was asked for before it.
        return (key, span, selecting, self.cache.purges.sequence)

    async def joined(self, ask: Ask) -> Coming | None:
        """What another's request brings, if this one may have it too; never asks upstream."""
        flight = self.flights.get(self.flight_key(ask.key, ask.range, ask.request))
        if flight is None:
            return None
        try:
            shared = await flight.landed()
        except NearcastError:
            return None
        outcome = self._taken(ask, shared) if shared is not None else None
        return outcome if isinstance(outcome, Coming) else None

    def _taken(self, ask: Ask, shared: Shared) -> Outcome | None:
        """What another's request brought, if it is this one's answer too."""
        if isinstance(shared, Arriving):
            if matches(shared.stored.selecting, ask.request.fields):
                shared.hurried |= not ask.paced
                return Coming(shared.enter(), collapsed=True)
            return None
        if isinstance(shared, Validated):
            if matches(shared.stored.selecting, ask.request.fields):
                return dataclasses.replace(shared, collapsed=True)
            return None
        return shared

    def _join(self, ask: Ask) -> Arriving | None:
        """What arrives already and will do."""
        for arriving in self.arriving.get(ask.key, ()):
            if not matches(arriving.stored.selecting, ask.request.fields):
                continue
            if arriving.done or arriving.spilled:
                # It is in the cache, where whoever asks has looked, or it has failed.
                continue
            if self.cache.purges.take(ask.key, arriving.stored):
                continue
            if not Storing(arriving.stored).shared and not arriving.settles:
                continue
            if arriving.is_whole if ask.range is None else arriving.is_near(ask.start):
                return arriving
        return None

    async def _ask_upstream(self, ask: Ask, begun: Begun | None = None) -> Outcome:
        sequence = self.cache.purges.sequence if begun is None else begun.sequence
        requested_at = self.clock.now() if begun is None else begun.requested_at
        changes = self.memory.changes(ask.key) if begun is None else begun.changes
        ask = dataclasses.replace(ask, changes=changes)
        sent = None if begun is None else begun.sent
        async with AsyncExitStack() as stack:
            exchange = await stack.enter_async_context(self.upstream.send(ask, sent=sent))
            response = response_of(exchange.head, requested_at, self.clock.now())
            again = await self._decide(ask, response, exchange, stack, sequence)
            if not isinstance(again, Ask):
                return again
        return await self._ask_upstream(again)

    async def pass_on(
        self, ask: Ask, body: AsyncIterable[bytes] | None, length: int | None
    ) -> Passing | Coming:
        """The response to any request, sent upstream as it is, with its content.

        Only what answers a POST may be stored, for later GETs (RFC 9110 §9.3.3).

        Raises:
            NearcastError: there is none.
        """
        sequence = self.cache.purges.sequence
        requested_at = self.clock.now()
        ask = dataclasses.replace(ask, changes=self.memory.changes(ask.key))
        async with AsyncExitStack() as stack:
            exchange = await stack.enter_async_context(self.upstream.send(ask, body, length))
            response = response_of(exchange.head, requested_at, self.clock.now())
            storing = judge_storing(ask.request, response, sequence=sequence, **self.guesses)
            told = response.length_to(ask.request.method)
            if told is None or not self._keeps(ask, storing, told):
                return Passing(response, exchange, stack.pop_all(), "")
            # What was there is worthless, whether this can be kept or not (RFC 9111 §4.4).
            await self.invalidate(ask.key)
            ask = dataclasses.replace(ask, changes=self.memory.changes(ask.key))
            return await self._fill_whole(ask, storing, told, response, exchange, stack)

    async def _decide(
        self,
        ask: Ask,
        response: Response,
        exchange: Exchange,
        stack: AsyncExitStack,
        sequence: int,
    ) -> Outcome | Ask:
        """What a response means; or what to ask instead, when it is of no use."""
        if response.status == 304 and ask.stale is not None:
            return await self._validated(ask, response, sequence)
        storing = judge_storing(ask.request, response, **self.guesses, sequence=sequence)
        names = selecting_names(response.fields)
        self.memory.set_vary(ask.key, names or ())
        if response.status == 206 and not ask.alone:
            return await self._partial(ask, response, storing, exchange, stack)
        length = response.length_to(ask.request.method)
        if response.status == 206 or not self._keeps(ask, storing, length):
            if ask.range is not None and response.status == 416:
                return Passing(response, exchange, stack.pop_all(), "range")
            self.memory.set_shared(ask.key, shared=False)
            why = storing.why_not or "too-large"
            return Passing(response, exchange, stack.pop_all(), why)
        return await self._fill_whole(ask, storing, length, response, exchange, stack)

    async def _fill_whole(
        self,
        ask: Ask,
        storing: Storing,
        length: int | None,
        response: Response,
        exchange: Exchange,
        stack: AsyncExitStack,
    ) -> Coming:
        assert storing.stored is not None
        told = repr_sha256(response.fields.lines("repr-digest"))
        sha256 = ask.sha256 or told or b""
        number, body = await self.cache.new_body(digested=bool(sha256))
        stored = msgspec.structs.replace(
            storing.stored, number=number, size=length or 0, sha256=sha256
        )
        arriving = Arriving(stored, length, (0, None), body)
        return self._fill(ask, storing, arriving, exchange, stack)

    def _keeps(self, ask: Ask, storing: Storing, length: int | None) -> bool:
        if storing.stored is None:
            return False
        if self.is_full:
            # Viewers are served all the same, past the cache.
            return False
        if length is None and self.memory.is_unshared(ask.key):
            # It may be the one that had no end.
            return False
        return bool(ask.sha256) or self.cache.admits(ask.key, length or 0)

    async def _validated(self, ask: Ask, response: Response, sequence: int) -> Outcome | Ask:
        assert ask.stale is not None
        update = freshen(ask.stale, ask.request, response, **self.guesses, sequence=sequence)
        if update.stored is None:
            # It speaks of something else, or forbids to keep what it speaks of: get that whole.
            return dataclasses.replace(ask, stale=None)
        await self.cache.update(ask.key, update.stored)
        return Validated(update.stored)

    async def _partial(
        self,
        ask: Ask,
        response: Response,
        storing: Storing,
        exchange: Exchange,
        stack: AsyncExitStack,
    ) -> Outcome | Ask:
        told = read_content_range(response.fields.get("content-range"))
        if told is None or told.size is None or ask.range is None:
            if ask.range is None:
                raise UpstreamBroke(key=ask.key, reason="it answers 206 unasked")
            return dataclasses.replace(ask, range=None, grow=None, start=None)
        past_end = told.stop == told.size <= (ask.start or 0)
        if ask.start is not None and not (told.start <= ask.start < told.stop or past_end):
            raise UpstreamBroke(key=ask.key, reason="it sends another range than was asked for")
        if ask.grow is not None and ask.grow.size != told.size:
            raise PartsDiffer(key=ask.key, reason="it sends parts of different objects")
        if storing.stored is None or not self._keeps(ask, storing, told.stop - told.start):
            if ask.grow is not None:
                return Passing(response, exchange, stack.pop_all(), "range")
            # Aligned for the cache's sake, it is not what the viewer asked for.
            self.memory.set_shared(ask.key, shared=False)
            return dataclasses.replace(ask, range=None, grow=None, stale=None, alone=True)
        stored = msgspec.structs.replace(storing.stored, size=told.size, sha256=ask.sha256)
        if ask.grow is not None:
            if not same_representation(ask.grow, stored):
                raise PartsDiffer(key=ask.key, reason="it sends parts of different objects")
            body = await self.cache.body_of(ask.grow)
            # The fields of the new part hold for all of them (RFC 9111 §3.4).
            update = freshen(
                ask.grow,
                ask.request,
                response,
                sequence=storing.stored.sequence,
                **self.guesses,
            )
            stored = update.stored or ask.grow
        else:
            number, body = await self.cache.new_body()
            stored = msgspec.structs.replace(stored, number=number)
        arriving = Arriving(stored, told.size, (told.start, told.stop), body)
        return self._fill(ask, storing, arriving, exchange, stack)

    def _fill(
        self,
        ask: Ask,
        storing: Storing,
        arriving: Arriving,
        exchange: Exchange,
        stack: AsyncExitStack,
    ) -> Coming:
        self.memory.set_shared(ask.key, shared=storing.shared)
        self.arriving.setdefault(ask.key, []).append(arriving)

        transfer = Transfer(self.upstream, ask, arriving, exchange, stack.pop_all(), self._pacing)
        coming = Coming(arriving.enter(), collapsed=False, unshared=storing.unshared)
        task = asyncio.create_task(
            fill(
                self.cache,
                ask.key,
                arriving,
                transfer,
                lambda: self.memory.changes(ask.key) == ask.changes,
                largest=self.cache.largest,
            )
        )
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(ask.key, arriving, done))
        return coming

    def _ended(self, key: str, arriving: Arriving, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.left(key, arriving)
        if arriving.kept is None and (arriving.size is None or arriving.spilled):
            # It is too large, or broke: the next one is passed through.
            self.memory.set_shared(key, shared=False)

    def left(self, key: str, arriving: Arriving) -> None:
        """Takes note that ``arriving`` is on its way no more."""
        others = self.arriving.get(key)
        if others is not None and arriving in others:
            others.remove(arriving)
            if not others:
                del self.arriving[key]

    async def close(self) -> None:
        """Ends all that is under way."""
        for begun in tuple(self.begun):
            begun.give_up()
        if self.looking is not None:
            self.looking.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
