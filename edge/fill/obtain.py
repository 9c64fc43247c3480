"""Getting one object into the cache, through whichever worker process it belongs to."""

import contextlib
import dataclasses

from common.errors import NearcastError
from common.http.fields import Fields
from edge.fetch.errors import PartsDiffer, UpstreamBroke, WrongBytes, check_object_status
from edge.fetch.fetches import Fetches
from edge.fetch.filling import INTERRUPTED
from edge.fetch.outcomes import Ask, Coming, Passing
from edge.policy.coverage import range_field, to_ask
from edge.policy.messages import Request
from edge.policy.partial import strong_validator
from edge.policy.stored import Stored
from edge.store import Cache
from edge.workers import Siblings

MOST_PARTS = 256
"""Gaps of one object that are filled one after the other."""


class Obtain:
    """Fetches objects, and sees to it that they are what they should be."""

    def __init__(self, cache: Cache, fetches: Fetches, siblings: Siblings | None) -> None:
        self._cache = cache
        self._fetches = fetches
        self._siblings = siblings

    def held(self, key: str, sha256: str) -> Stored | None:
        """The object ``key`` with that digest, if the cache has all of it."""
        for stored in self._cache.lookup(key):
            if stored.complete and stored.sha256.hex() == sha256:
                return stored
        return None

    def _part(self, key: str, sha256: bytes) -> Stored | None:
        """What the cache has of it, if the rest can be had alone."""
        for stored in self._cache.lookup(key):
            if stored.sha256 == sha256 and strong_validator(stored) is not None:
                return stored
        return None

    async def fetch(self, key: str, sha256: str, *, paced: bool = False) -> Stored:
        """The object ``key`` with that digest, fetched unless it is held.

        What is held in part is gone on with. Who has sent something else, or has broken off, is
        not asked again while there are others.

        Args:
            key: the object's key.
            sha256: its digest, in hexadecimal.
            paced: whether it is fetched at the rate that is set for filling.

        Raises:
            NearcastError: it cannot be had, or not with that digest, or not be kept.
        """
        request = Request("GET", "https", "localhost", f"/{key}", Fields())
        ask = Ask(request, key, sha256=bytes.fromhex(sha256), paced=paced)
        failures = 0
        for _ in range(MOST_PARTS):
            stored = self.held(key, sha256)
            if stored is not None:
                return stored
            before = await self._begin(key, ask.sha256)
            trouble = await self._fetch(ask, before)
            if trouble is not None:
                failures += 1
                if failures >= self._fetches.upstream.sources(request, key):
                    raise trouble
                continue
            now = self._part(key, ask.sha256)
            if now is None or (not now.complete and now == before):
                break
        raise UpstreamBroke(
            key=key, reason="it could not be kept, or is not what its manifest says"
        )

    async def _begin(self, key: str, sha256: bytes) -> Stored | None:
        """What there is to go on with. Anything else is forgotten: the manifest is the truth."""
        part = self._part(key, sha256)
        if part is None and self._cache.lookup(key):
            await self._cache.forget(key)
        return part

    async def _fetch(self, ask: Ask, part: Stored | None) -> NearcastError | None:
        """Fetches what ``part`` lacks; why it broke off, when another source may do better.

        Raises:
            NearcastError: no source has it.
        """
        owner = self._cache.owner(ask.key)
        try:
            if self._siblings is None or self._siblings.is_own(owner):
                return await self._fetch_here(ask, part)
            return await self._fetch_there(self._siblings, owner, ask)
        except PartsDiffer as error:
            await self._cache.forget(ask.key)
            return error

    async def _fetch_here(self, ask: Ask, part: Stored | None) -> NearcastError | None:
        span = to_ask(part.held, (0, part.size), part.size) if part is not None else None
        if part is not None and span is not None:
            asked = range_field(span, part.size)
            ask = dataclasses.replace(ask, grow=part, range=asked, start=span[0])
        outcome = await self._fetches.obtain(ask)
        if isinstance(outcome, Coming):
            try:
                await outcome.arriving.whole()
            except INTERRUPTED as error:
                return error
            finally:
                outcome.arriving.leave()
        elif isinstance(outcome, Passing):
            await outcome.stack.aclose()
            check_object_status(outcome.response.status, ask.key)
        return None

    async def _fetch_there(self, siblings: Siblings, owner: int, ask: Ask) -> NearcastError | None:
        asking = siblings.ask(owner, ask.request, "", sha256=ask.sha256, paced=ask.paced)
        async with asking as exchange:
            head = exchange.head
            said = Fields(head.fields).get("cache-status") or ""
            for kind in (WrongBytes, PartsDiffer):
                if head.status == kind.status and f"detail={kind.__name__}" in said:
                    raise kind(key=ask.key, reason="another process of this edge says so")
            check_object_status(head.status, ask.key)
            try:
                async with contextlib.aclosing(exchange.pieces()) as pieces:
                    async for _ in pieces:
                        pass
            except INTERRUPTED as error:
                return error
        return None
