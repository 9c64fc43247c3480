"""Getting one object into the cache, through whichever worker process it belongs to."""

from common.http.fields import Fields
from edge.fetch.errors import UpstreamBroke, check_object_status
from edge.fetch.fetches import Fetches
from edge.fetch.outcomes import Ask, Coming, Passing
from edge.policy.messages import Request
from edge.policy.stored import Stored
from edge.store import Cache
from edge.workers import Siblings


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

    async def fetch(self, key: str, sha256: str) -> Stored:
        """The object ``key`` with that digest, fetched unless it is held.

        Raises:
            NearcastError: it cannot be had, or not with that digest, or not be kept.
        """
        stored = self.held(key, sha256)
        if stored is not None:
            return stored
        # The manifest is the truth about an object: what is held is something else.
        await self._cache.forget(key)
        request = Request("GET", "https", "localhost", f"/{key}", Fields())
        owner = self._cache.owner(key)
        if self._siblings is None or self._siblings.is_own(owner):
            await self._fetch_here(request, key, bytes.fromhex(sha256))
        else:
            await self._fetch_there(self._siblings, owner, request, bytes.fromhex(sha256))
        stored = self.held(key, sha256)
        if stored is None:
            raise UpstreamBroke(
                key=key, reason="it could not be kept, or is not what its manifest says"
            )
        return stored

    async def _fetch_here(self, request: Request, key: str, sha256: bytes) -> None:
        outcome = await self._fetches.obtain(Ask(request, key, sha256=sha256))
        if isinstance(outcome, Coming):
            try:
                await outcome.arriving.whole()
            finally:
                outcome.arriving.leave()
        elif isinstance(outcome, Passing):
            await outcome.stack.aclose()
            check_object_status(outcome.response.status, key)

    async def _fetch_there(
        self, siblings: Siblings, owner: int, request: Request, sha256: bytes
    ) -> None:
        async with siblings.ask(owner, request, "", sha256=sha256) as exchange:
            check_object_status(exchange.head.status, request.target)
            async for _ in exchange.pieces():
                pass
