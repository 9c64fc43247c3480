"""A request upstream that was sent as its viewer's came, before anybody could wait for it.

Most misses of small objects end as they begin: a kept connection is free, and the whole response
comes in one piece. Then nobody needs to wait: it is judged, stored and answered at a look. Whatever
takes more than that is gone on with as if the request had been sent just then.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from common import logs
from common.errors import NearcastError
from common.http.digests import repr_sha256
from edge.fetch.arriving import Arriving
from edge.fetch.errors import UpstreamBroke
from edge.fetch.flights import Flight
from edge.fetch.origins import FAILING, PlainRequests
from edge.fetch.outcomes import Ask, let_go
from edge.fetch.pool import Sent
from edge.fetch.upstream import response_of
from edge.policy.alike import judge_alike
from edge.policy.messages import Request
from edge.policy.plain_responses import PlainResponse
from edge.policy.stored import Stored
from edge.policy.storing import judge_storing

if TYPE_CHECKING:
    from edge.fetch.fetches import Fetches

PATIENCE = 0.5
"""Seconds after which somebody waits for what has not come at once."""
LOOK_EVERY = 0.25
"""Seconds between looks for that."""

_log = logs.get(__name__)


class Begun:
    """A flight without anybody who waits for its landing."""

    __slots__ = (
        "_fetches",
        "_heard",
        "_over",
        "changes",
        "flight",
        "key",
        "request",
        "requested_at",
        "sent",
        "sequence",
    )

    flight: Flight
    sent: Sent

    def __init__(self, fetches: "Fetches", request: Request, key: str) -> None:
        self._fetches = fetches
        self._heard: Callable[[], None] | None = None
        self._over = False
        self.request = request
        self.key = key
        self.changes = fetches.memory.changes(key)
        self.requested_at = fetches.clock.now()
        self.sequence = fetches.cache.purges.sequence

    @classmethod
    def of(
        cls, fetches: "Fetches", request: Request, key: str, plain: PlainRequests
    ) -> "Begun | None":
        """Asks for what nobody has asked for yet; None where that has to wait.

        Args:
            fetches: what is under way upstream.
            request: a plain GET.
            key: its cache key, under which nothing is stored, on its way or asked for.
            plain: what is remembered of requests with the same fields, host and scheme.
        """
        if fetches.memory.is_unshared(key) or fetches.cache.purges.barred(key):
            return None
        begun = cls(fetches, request, key)
        sent = fetches.upstream.send_now(request, key, plain, begun.hear)
        if sent is None:
            return None
        begun.sent = sent
        begun.flight = fetches.flights.begin(fetches.flight_key(key, None, request))
        fetches.begun.add(begun)
        return begun

    def then(self, heard: Callable[[], None]) -> None:
        """Has ``heard`` called once, when anything has come or it takes long."""
        self._heard = heard
        if self._fetches.looking is None:
            self._fetches.looking = asyncio.get_running_loop().call_later(LOOK_EVERY, self._look)

    def _look(self) -> None:
        """Has somebody wait for all that takes long."""
        fetches, loop = self._fetches, asyncio.get_running_loop()
        fetches.looking = None
        for begun in tuple(fetches.begun):
            if loop.time() - begun.sent.at > PATIENCE:
                begun.hear()
        if fetches.begun and fetches.looking is None:
            fetches.looking = loop.call_later(LOOK_EVERY, self._look)

    def hear(self) -> None:
        """Learns that it is time for a look."""
        heard, self._heard = self._heard, None
        if heard is not None and not self._over:
            heard()

    def take(self) -> tuple[PlainResponse, Stored, bytes] | None:
        """The whole response and its content, which is being stored; None if it is not that easy.

        It is easy when all of it is here, anybody may have it, and it is small.
        """
        found = None if self._over else self.sent.connection.whole()
        if found is None:
            return None
        content = self.sent.connection.seen(found)
        arriving = self._judged(found, content)
        if arriving is None:
            return None
        self._end()
        fetches, key = self._fetches, self.key
        fetches.upstream.take(self.sent, found)
        fetches.flights.end(self.flight)
        self.flight.land(arriving)
        if fetches.memory.vary(key):
            fetches.memory.set_vary(key, ())
        fetches.memory.set_shared(key, shared=True)
        self._store(arriving)
        return found, arriving.stored, content

    def _store(self, arriving: Arriving) -> None:
        fetches, key = self._fetches, self.key
        fetches.arriving.setdefault(key, []).append(arriving)

        def stored(kept: Stored | None) -> None:
            if kept is not None and fetches.memory.changes(key) != self.changes:
                fetches.spawn(fetches.cache.forget(key))
                kept = None
            arriving.ended(arriving.size or 0, kept)
            arriving.leave()
            fetches.left(key, arriving)

        if fetches.memory.changes(key) != self.changes:
            stored(None)
        else:
            fetches.cache.commit_soon(key, arriving.stored, arriving.body, stored)

    def _judged(self, found: PlainResponse, content: bytes) -> Arriving | None:
        """What is to be stored of the response; None where others have to see to it."""
        fetches, cache = self._fetches, self._fetches.cache
        if found.status in FAILING or found.status == 206 or fetches.is_full:
            return None
        received_at = fetches.clock.now()
        stored = judge_alike(found, self.request, self.requested_at, received_at, self.sequence)
        if stored is None:
            response = response_of(found, self.requested_at, received_at)
            storing = judge_storing(
                self.request, response, sequence=self.sequence, **fetches.guesses
            )
            stored = storing.stored
            if stored is None or not storing.shared or storing.unshared or stored.selecting:
                return None
        digest = found.own("repr-digest")
        sha256 = b"" if digest is None else repr_sha256([digest]) or b""
        if sha256 and hashlib.sha256(content).digest() != sha256:
            return None
        made = cache.small_body(content)
        if made is None:
            return None
        number, body = made
        stored = msgspec.structs.replace(stored, number=number, size=found.length, sha256=sha256)
        return Arriving(stored, found.length, (0, None), body)

    def resume(self) -> bool:
        """Whether whoever asks for the same may go on with it, and wait for its landing."""
        over = self._over
        self._end()
        return not over

    def leave(self) -> None:
        """Says that whoever has begun it goes without: it is brought to its end all the same."""
        if not self._over:
            self._fetches.spawn(self._follow())

    async def _follow(self) -> None:
        try:
            ask = Ask(self.request, self.key)
            outcome = await self._fetches.obtain(ask, self)
        except NearcastError as error:
            _log.info("nobody got an answer", key=self.key, reason=str(error))
            return
        await let_go(outcome)

    def give_up(self) -> None:
        """Ends it, as the edge stops."""
        if not self._over:
            self._end()
            self._fetches.upstream.give_up(self.sent)
            self._fetches.flights.end(self.flight)
            self.flight.fail(UpstreamBroke(key=self.key, reason="this edge stops"))

    def _end(self) -> None:
        self._over = True
        self._fetches.begun.discard(self)
