"""Answering viewers: from the cache, through it, or past it."""

import asyncio
import contextlib
import dataclasses

import msgspec

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.http.cache_status import CacheStatus, Forward
from common.http.fields import Fields, Pairs
from edge.fetch.connection import Interim
from edge.fetch.errors import (
    UpstreamBroke,
    UpstreamUnreachable,
    check_object_status,
)
from edge.fetch.fetches import Fetches
from edge.fetch.outcomes import (
    SERVER_ERRORS,
    Ask,
    Coming,
    OriginFailed,
    Outcome,
    Passing,
    Settled,
    Validated,
    let_go,
)
from edge.policy.answering import Decided, decide
from edge.policy.coverage import range_to_ask
from edge.policy.forwarding import end_to_end
from edge.policy.keys import KeyRules
from edge.policy.messages import Request
from edge.policy.partial import strong_validator
from edge.policy.reuse import Trouble, Verdict, judge_reuse, may_serve_on, select
from edge.policy.stored import Stored
from edge.policy.updating import freshen, validation_fields
from edge.serve.body import Source
from edge.serve.completing import ask_for_rest
from edge.serve.errors import NotCached, Overtaken, StaleForbidden
from edge.serve.passing import pass_on, uploaded
from edge.serve.reply import Reply, send_interim
from edge.serve.requests import Visit, ask_anew_unless
from edge.serve.sending import Sender, result_of
from edge.store import Cache, ObjectDamaged
from edge.workers import Siblings

ROUNDS = 4
"""Times that an answer is begun anew because what it rested on went away."""

_log = logs.get(__name__)


class Viewers:
    """The viewers' side of an edge."""

    def __init__(
        self,
        cache: Cache,
        fetches: Fetches,
        clock: Clock,
        rules: KeyRules,
        *,
        name: str,
        added: Pairs = (),
        siblings: Siblings | None = None,
    ) -> None:
        """Answers from ``cache`` and ``fetches``.

        Args:
            cache: what is stored.
            fetches: what is under way.
            clock: the time.
            rules: what is in a key.
            name: this cache's name in Cache-Status.
            added: fields that every response gets, in place of the origin's.
            siblings: the other worker processes, where there are any.
        """
        self._siblings = siblings
        self._cache = cache
        self._fetches = fetches
        self._clock = clock
        self._rules = rules
        self._name = name
        self.sender = Sender(clock, added=added)
        self._background: dict[str, asyncio.Task[None]] = {}

    async def answer(self, visit: Visit) -> Reply:
        """Answers a request.

        Raises:
            NearcastError: there is no better answer.
        """
        method = visit.request.method
        if method in {"GET", "HEAD"} and not visit.has_content and visit.request.target != "*":
            return await self._read(visit)
        return await self._pass_on(visit)

    # GET and HEAD.

    async def _read(self, visit: Visit) -> Reply:
        ask_anew_unless(visit, lambda: self._cache.purges.held_to)
        for _ in range(ROUNDS):
            await self._fetches.settled(visit.key)
            variants = self._cache.lookup(visit.key)
            stored = select(variants, visit.request.fields) if variants else None
            fwd: Forward = "uri-miss"
            if stored is not None:
                judged = judge_reuse(stored, visit.asked, self._clock.now())
                fwd = judged.fwd or fwd
                if self._is_elsewhere(visit, stored, judged.verdict):
                    return await self._relay(visit)
                if judged.verdict is not Verdict.VALIDATE:
                    if judged.verdict is Verdict.STALE_WHILE_REVALIDATE:
                        self._revalidate(visit, stored)
                    reply = await self._from_store(visit, stored, judged.verdict)
                    if reply is not None:
                        return reply
                    continue
            elif variants:
                fwd = "vary-miss"
            if "only-if-cached" in visit.asked:
                raise NotCached
            if self._is_elsewhere(visit, None, Verdict.VALIDATE):
                return await self._relay(visit)
            reply = await self._from_upstream(visit, stored, fwd)
            if reply is not None:
                return reply
        raise Overtaken

    def _is_elsewhere(self, visit: Visit, stored: Stored | None, verdict: Verdict) -> bool:
        """Whether another worker has to see to it: it is theirs, and no plain hit."""
        siblings = self._siblings
        if siblings is None or visit.internal or siblings.is_own(self._cache.owner(visit.key)):
            return False
        plain = verdict in {Verdict.FRESH, Verdict.ALLOWED_STALE}
        return not (plain and stored is not None and stored.complete)

    async def _relay(self, visit: Visit) -> Reply:
        """The answer of the worker that the key belongs to, passed on as it is."""
        assert self._siblings is not None
        owner = self._cache.owner(visit.key)
        async with contextlib.AsyncExitStack() as stack:
            try:
                exchange = await stack.enter_async_context(
                    self._siblings.ask(
                        owner,
                        visit.request,
                        visit.client,
                        body=uploaded(visit) if visit.has_content else None,
                        length=visit.raw.content_length,
                    )
                )
            except (UpstreamUnreachable, UpstreamBroke):
                # It is being started again; this worker does without.
                visit.internal = True
                return await self.answer(visit)
            head = exchange.head
            fields = end_to_end(Fields(head.fields))
            said = fields.get("cache-status") or ""
            visit.told(head.status, result_of(said.rpartition(",")[2]), said)
            return await self.sender.relay(visit, head.status, head.reason, fields, exchange)

    async def _from_store(self, visit: Visit, stored: Stored, verdict: Verdict) -> Reply | None:
        """The answer from the cache; None when it turned out damaged, or cannot be completed."""
        decided = decide(visit.request, stored, stored.size)
        gaps = not all(stored.holds(*span) for span in decided.spans)
        status = CacheStatus(
            cache=self._name, hit=True, ttl=int(stored.freshness_at(self._clock.now()))
        )
        result = "hit" if verdict is Verdict.FRESH else "stale"
        if gaps:
            if strong_validator(stored) is None:
                visit.whole = True
                return await self._from_upstream(visit, None, "partial")
            if "only-if-cached" in visit.asked:
                raise NotCached
            try:
                instead = await ask_for_rest(visit, stored, decided, self._fetches)
            except ObjectDamaged as error:
                await self._cache.damaged(visit.key, stored, error)
                return None
            if instead is not None:
                return await self._with_outcome(visit, None, "partial", instead)
            status = CacheStatus(cache=self._name, fwd="partial", stored=True)
            result = "partial"
        self._cache.note_use(stored)
        return await self._send_stored(visit, stored, decided, status, result)

    async def _send_stored(
        self, visit: Visit, stored: Stored, decided: Decided, status: CacheStatus, result: str
    ) -> Reply | None:
        source = Source(self._cache, self._fetches, visit.request, visit.key, stored)
        try:
            return await self.sender.send(visit, decided, stored, status, result, source)
        except ObjectDamaged:
            return None

    async def _from_upstream(
        self, visit: Visit, stored: Stored | None, fwd: Forward
    ) -> Reply | None:
        """The answer with upstream's help; None when the cache has to be asked again."""
        if visit.request.method == "HEAD":
            return await self._head(visit, stored, fwd)
        ask = self._ask(visit, stored, reload=fwd == "request")
        try:
            outcome = await self._fetches.obtain(ask, visit.begun if stored is None else None)
        except NearcastError as error:
            return await self._despite(visit, stored, Trouble.DISCONNECTED, error)
        return await self._with_outcome(visit, stored, fwd, outcome)

    async def _with_outcome(
        self, visit: Visit, stored: Stored | None, fwd: Forward, outcome: Outcome
    ) -> Reply | None:
        if isinstance(outcome, Settled):
            return None
        if isinstance(outcome, Validated):
            current = outcome.stored
            status = CacheStatus(
                cache=self._name,
                fwd=fwd,
                fwd_status=304,
                ttl=int(current.freshness_at(self._clock.now())),
                collapsed=outcome.collapsed,
            )
            decided = decide(visit.request, current, current.size)
            self._cache.note_use(current)
            return await self._send_stored(visit, current, decided, status, "revalidated")
        if isinstance(outcome, Coming):
            return await self._send_coming(visit, outcome, fwd)
        failed = StaleForbidden(reason="it answers with an error.")
        if isinstance(outcome, OriginFailed):
            return await self._despite(visit, stored, Trouble.SERVER_ERROR, failed)
        if outcome.response.status in SERVER_ERRORS and self._serves_on(
            visit, stored, Trouble.SERVER_ERROR
        ):
            await outcome.stack.aclose()
            return await self._despite(visit, stored, Trouble.SERVER_ERROR, failed)
        return await self._send_passing(visit, outcome, fwd)

    def _ask(self, visit: Visit, stored: Stored | None, *, reload: bool) -> Ask:
        request = visit.request
        ask = Ask(
            request,
            visit.key,
            interim=self._interim_of(visit),
            client=visit.client,
            sha256=visit.sha256,
            paced=visit.paced,
            reload=reload,
        )
        if stored is None and self._fetches.memory.is_unshared(visit.key):
            return dataclasses.replace(ask, alone=True)
        if stored is not None and validation_fields(stored):
            ask = dataclasses.replace(ask, stale=stored)
        if visit.whole or (stored is not None and stored.complete):
            return ask
        field, start = range_to_ask(request.fields.get("range"))
        return dataclasses.replace(ask, range=field, start=start)

    def _own_ask(self, visit: Visit, request: Request) -> Ask:
        """What nobody else shares."""
        interim = self._interim_of(visit)
        return Ask(request, visit.key, interim=interim, client=visit.client, alone=True)

    def _serves_on(self, visit: Visit, stored: Stored | None, trouble: Trouble) -> bool:
        return stored is not None and may_serve_on(trouble, stored, visit.asked, self._clock.now())

    async def _despite(
        self, visit: Visit, stored: Stored | None, trouble: Trouble, error: NearcastError
    ) -> Reply | None:
        """The stale answer in place of an error, where that is allowed.

        Raises:
            NearcastError: it is not.
        """
        if stored is None:
            raise error
        if not self._serves_on(visit, stored, trouble):
            if stored.never_stale or stored.validate_always:
                raise StaleForbidden(reason=str(error)) from error
            raise error
        status = CacheStatus(
            cache=self._name,
            fwd="stale",
            ttl=int(stored.freshness_at(self._clock.now())),
            detail=type(error).__name__,
        )
        decided = decide(visit.request, stored, stored.size)
        return await self._send_stored(visit, stored, decided, status, "stale")

    async def _send_coming(self, visit: Visit, coming: Coming, fwd: Forward) -> Reply | None:
        arriving = coming.arriving
        stored = msgspec.structs.replace(arriving.stored, size=arriving.size or 0)
        status = CacheStatus(
            cache=self._name, fwd=fwd, stored=not coming.collapsed, collapsed=coming.collapsed
        )
        result = "collapsed" if coming.collapsed else "miss"
        decided = decide(visit.request, stored, arriving.size)
        decided = dataclasses.replace(decided, fields=(*decided.fields, *coming.unshared))
        source = Source(
            self._cache, self._fetches, visit.request, visit.key, stored, arriving=arriving
        )
        try:
            return await self.sender.send(visit, decided, stored, status, result, source)
        except ObjectDamaged:
            return None
        finally:
            arriving.leave()

    def _revalidate(self, visit: Visit, stored: Stored) -> None:
        """Validates in the background, once at a time."""
        if visit.key in self._background:
            return
        request = dataclasses.replace(
            visit.request,
            method="GET",
            fields=visit.request.fields.without(("range", "if-range", "cache-control", "pragma")),
        )
        ask = Ask(request, visit.key)
        if validation_fields(stored):
            ask = dataclasses.replace(ask, stale=stored)
        task = asyncio.create_task(self._fetch_in_background(ask))
        self._background[visit.key] = task
        task.add_done_callback(lambda _: self._background.pop(visit.key, None))

    async def _fetch_in_background(self, ask: Ask) -> None:
        try:
            outcome = await self._fetches.obtain(ask)
        except NearcastError as error:
            _log.info("background validation failed", key=ask.key, reason=str(error))
            return
        await let_go(outcome)

    async def _head(self, visit: Visit, stored: Stored | None, fwd: Forward) -> Reply | None:
        """HEAD is passed on, and what it tells updates what is stored (RFC 9111 §4.3.5)."""
        request = visit.request
        if stored is not None:
            conditions = ("if-none-match", "if-modified-since", "if-match", "if-unmodified-since")
            request = dataclasses.replace(request, fields=request.fields.without(conditions))
        ask = Ask(
            request, visit.key, interim=self._interim_of(visit), client=visit.client, alone=True
        )
        sequence = self._cache.purges.sequence
        try:
            outcome = await self._fetches.obtain(ask)
        except NearcastError as error:
            return await self._despite(visit, stored, Trouble.DISCONNECTED, error)
        assert isinstance(outcome, Passing)
        if stored is not None and outcome.response.status == 200:
            guesses = self._fetches.guesses
            update = freshen(stored, visit.request, outcome.response, sequence=sequence, **guesses)
            if update.stored is None or not await self._cache.update(visit.key, update.stored):
                await self._cache.forget(visit.key)
            else:
                await outcome.stack.aclose()
                current = update.stored
                status = CacheStatus(cache=self._name, fwd=fwd, fwd_status=200)
                decided = decide(visit.request, current, current.size)
                return await self._send_stored(visit, current, decided, status, "revalidated")
        return await self._send_passing(visit, outcome, fwd)

    async def _pass_on(self, visit: Visit) -> Reply:
        # What an unsafe request changes is known best where it is stored.
        if self._is_elsewhere(visit, None, Verdict.VALIDATE):
            return await self._relay(visit)
        ask = self._own_ask(visit, visit.request)
        outcome = await pass_on(visit, ask, self._fetches, self._rules)
        if isinstance(outcome, Passing):
            return await self._send_passing(visit, outcome, "method")
        reply = await self._send_coming(visit, outcome, "method")
        if reply is None:
            raise Overtaken
        return reply

    def _interim_of(self, visit: Visit) -> Interim:
        async def pass_interim(status: int, reason: str, fields: Pairs) -> None:
            with contextlib.suppress(ConnectionError):
                await send_interim(visit.raw, status, reason, fields)

        return pass_interim

    async def _send_passing(self, visit: Visit, passing: Passing, fwd: Forward) -> Reply:
        async with passing.stack:
            status = passing.response.status
            if self._rules.objects_only:
                check_object_status(status, visit.key)
            told = CacheStatus(
                cache=self._name, fwd=fwd, fwd_status=status, detail=passing.why or None
            )
            return await self.sender.pass_on(visit, passing.response, passing.exchange, told)

    async def close(self) -> None:
        """Ends what goes on in the background."""
        for task in tuple(self._background.values()):
            task.cancel()
        await asyncio.gather(*self._background.values(), return_exceptions=True)
