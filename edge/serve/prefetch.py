"""Fetching the next segments of what is being watched, before a viewer asks."""

import asyncio
import dataclasses
from collections.abc import Coroutine

import m3u8

from common import logs
from common.errors import NearcastError
from common.http.fields import Fields
from edge.fetch.fetches import Fetches
from edge.fetch.outcomes import Ask, let_go
from edge.policy.invalidation import same_origin_target
from edge.policy.keys import KeyRules
from edge.policy.messages import Request
from edge.policy.stored import Stored
from edge.policy.watching import Watching
from edge.serve.requests import Visit
from edge.store import Cache
from edge.workers import Siblings

LARGEST_PLAYLIST = 1024 * 1024
"""Bytes of a playlist that is read."""
AT_ONCE = 8
"""Segments that are fetched ahead at the same time; further ones are left to their viewers."""

PATIENCE = 10
"""Looks for a playlist that was passed on, a twentieth of a second apart."""

_log = logs.get(__name__)


class Prefetch:
    """Watches what viewers get, and fetches ahead."""

    def __init__(
        self,
        cache: Cache,
        fetches: Fetches,
        rules: KeyRules,
        siblings: Siblings | None,
        *,
        count: int,
    ) -> None:
        """Fetches ``count`` segments ahead."""
        self._cache = cache
        self._fetches = fetches
        self._rules = rules
        self._siblings = siblings
        self._count = count
        self._watching = Watching()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def answered(self, visit: Visit) -> None:
        """Takes note of an answer; returns at once."""
        if visit.request.method == "GET" and visit.status in {200, 206}:
            self.watched(visit.key, visit.request)

    def watched(self, key: str, request: Request) -> None:
        """Takes note that a viewer gets what ``request`` asks for; returns at once."""
        if self._count == 0:
            return
        if request.target.partition("?")[0].endswith(".m3u8"):
            self._start(f"learn {key}", self._learn(key, request))
            return
        for target in self._watching.following(request.target, self._count):
            next_key = self._rules.key(request.scheme, request.host, target)
            if not self._cache.lookup(next_key):
                ahead = dataclasses.replace(request, target=target, fields=Fields())
                self._start(next_key, self._fetch(next_key, ahead))

    def _start(self, name: str, work: Coroutine[None, None, None]) -> None:
        if name in self._tasks or len(self._tasks) >= AT_ONCE:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def _learn(self, key: str, request: Request) -> None:
        stored = await self._stored(key)
        if stored is None or not stored.complete or stored.size > LARGEST_PLAYLIST:
            return
        edition = (stored.number, stored.size)
        if self._watching.knows(key, edition):
            return
        try:
            segments = await self._segments(stored, request)
        except (NearcastError, ValueError, UnicodeDecodeError) as error:
            _log.debug("no playlist to learn from", key=key, reason=str(error))
            segments = []
        self._watching.learn(key, edition, segments)

    async def _stored(self, key: str) -> Stored | None:
        """The playlist, which may still be on its way into the cache."""
        for _ in range(PATIENCE):
            found = self._cache.lookup(key)
            if found:
                return found[0]
            await asyncio.sleep(0.05)
        return None

    async def _segments(self, stored: Stored, request: Request) -> list[str]:
        """The targets of the segments on the same origin, in their order."""
        pieces = [piece async for piece in self._cache.read(stored, 0, stored.size)]
        text = b"".join(pieces).decode()
        playlist = await asyncio.to_thread(m3u8.loads, text)
        found = [same_origin_target(request, segment.uri) for segment in playlist.segments]
        return [self._rules.target(target) for target in found if target is not None]

    async def _fetch(self, key: str, request: Request) -> None:
        owner = self._cache.owner(key)
        try:
            if self._siblings is not None and not self._siblings.is_own(owner):
                async with self._siblings.ask(owner, request, "") as exchange:
                    async for _ in exchange.pieces():
                        pass
                return
            outcome = await self._fetches.obtain(Ask(request, key))
        except NearcastError as error:
            _log.debug("not fetched ahead", key=key, reason=str(error))
            return
        await let_go(outcome)

    async def close(self) -> None:
        """Ends what is under way."""
        for task in tuple(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
