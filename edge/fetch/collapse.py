"""One request upstream for all who want the same missing object, and bytes as they arrive.

A fetch is a task of its own: whoever asked first may leave without harm to the others. Those who
wait read from the draft while it grows. What turns out wrong at its end is never kept, and those
who wait are cut instead of being given a proper end.
"""

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from edge.fetch.errors import TooManyFetches, UpstreamBroke
from edge.fetch.upstream import Arrival, Upstream
from edge.policy.freshness import judge_response
from edge.store import Cache, Draft, Entry
from edge.store.cache import SLICE, new_file_name

MOST_FETCHES = 256
"""Objects that arrive at the same time."""
LARGEST_OBJECT = 4 * 1024**3
"""Bytes that one object may have."""

_log = logs.get(__name__)


class Fetch:
    """An object on its way. Whoever joins it leaves it; the last to leave closes its draft."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.entry: Entry | None = None
        """What is known of it, from the head on; its size and digest are sure only at the end."""
        self.size: int | None = None
        """Bytes, as soon as they are known."""
        self.kept = False
        """Whether it is in the cache now."""
        self._draft: Draft | None = None
        self._error: NearcastError | None = None
        self._done = False
        self._changed = asyncio.Event()
        self._users = 1

    def enter(self) -> None:
        """Says that one more waits or reads."""
        self._users += 1

    def leave(self) -> None:
        """Says that one of them does so no more."""
        self._users -= 1
        if self._users == 0 and self._draft is not None:
            self._draft.close()

    async def head(self) -> Entry:
        """Waits for the head.

        Raises:
            NearcastError: the object does not come.
        """
        while self.entry is None:
            self._raise_failure()
            await self._changed.wait()
        return self.entry

    async def whole(self) -> Entry:
        """Waits for the last byte.

        Raises:
            NearcastError: the object does not come, or not as it should.
        """
        while not self._done:
            await self._changed.wait()
        self._raise_failure()
        assert self.entry is not None
        return self.entry

    async def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` up to, without, ``stop``, as they arrive.

        Raises:
            NearcastError: they do not come, or were not what they should be.
        """
        draft = self._draft
        assert draft is not None
        while start < stop:
            if draft.size <= start:
                self._raise_failure()
                await self._changed.wait()
                continue
            data = await asyncio.to_thread(draft.read, start, min(SLICE, stop - start))
            start += len(data)
            if start >= stop:
                # The last slice is held back until the whole is known to be right.
                await self._until_judged(stop)
            yield data

    async def _until_judged(self, stop: int) -> None:
        while stop == self.size and not self._done:
            await self._changed.wait()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def arrived(self, entry: Entry, size: int | None, draft: Draft) -> None:
        """Says that the head is there."""
        self.entry, self.size, self._draft = entry, size, draft
        self._tell()

    def grew(self) -> None:
        """Says that there are more bytes."""
        self._tell()

    def ended(self, entry: Entry, *, kept: bool) -> None:
        """Says that all bytes are there, and right."""
        self.entry, self.size, self.kept, self._done = entry, entry.size, kept, True
        self._tell()

    def failed(self, error: NearcastError) -> None:
        """Says that it does not come."""
        self._error, self._done = error, True
        self._tell()


class Fetches:
    """The fetches that go on, by key."""

    def __init__(self, cache: Cache, upstream: Upstream, clock: Clock) -> None:
        self._cache = cache
        self._upstream = upstream
        self._clock = clock
        self._going: dict[str, Fetch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._going)

    def join(self, key: str, *, sha256: bytes | None = None) -> tuple[Fetch, bool]:
        """The fetch of ``key``, begun unless it goes on already. The caller has to leave it.

        Args:
            key: the object.
            sha256: what its digest must be, where the caller knows.

        Returns:
            The fetch, and whether it went on already.

        Raises:
            TooManyFetches: as many as may go on do.
        """
        going = self._going.get(key)
        if going is not None:
            going.enter()
            return going, True
        if len(self._going) >= MOST_FETCHES:
            raise TooManyFetches
        fetch = Fetch(key)
        fetch.enter()
        self._going[key] = fetch
        task = asyncio.create_task(self._run(fetch, sha256))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return fetch, False

    async def _run(self, fetch: Fetch, sha256: bytes | None) -> None:
        draft: Draft | None = None
        try:
            async with self._upstream.get(fetch.key) as arrival:
                draft = await self._cache.draft()
                entry = self._entry_of(arrival)
                fetch.arrived(entry, arrival.size, draft)
                await _receive(fetch, draft, arrival)
            entry = self._finished(fetch, draft, arrival, entry, sha256)
            storable = judge_response(200, arrival.fields, received_at=entry.stored_at).storable
            kept = storable and await self._cache.commit(fetch.key, draft, entry)
            fetch.ended(entry, kept=kept)
        except NearcastError as error:
            if error.status != 404:
                _log.warning("fetch failed", key=fetch.key, reason=str(error))
            fetch.failed(error)
        except asyncio.CancelledError:
            fetch.failed(UpstreamBroke(key=fetch.key, reason="this edge stops"))
            raise
        except Exception as error:
            _log.exception("fetch failed unexpectedly", key=fetch.key)
            fetch.failed(UpstreamBroke(key=fetch.key, reason=type(error).__name__))
        finally:
            del self._going[fetch.key]
            if draft is not None and not fetch.kept:
                await asyncio.to_thread(draft.discard)
            fetch.leave()

    def _entry_of(self, arrival: Arrival) -> Entry:
        now = self._clock.now()
        fields = arrival.fields
        freshness = judge_response(200, fields, received_at=now)
        return Entry(
            file=new_file_name(),
            size=arrival.size or 0,
            sha256=arrival.sha256 or b"",
            content_type=fields.get("content-type", "application/octet-stream"),
            etag=fields.get("etag"),
            last_modified=fields.get("last-modified"),
            cache_control=fields.get("cache-control", ""),
            stored_at=now,
            age=freshness.age,
            fresh_until=freshness.fresh_until,
            servable_stale=freshness.servable_stale,
        )

    @staticmethod
    def _finished(
        fetch: Fetch, draft: Draft, arrival: Arrival, entry: Entry, sha256: bytes | None
    ) -> Entry:
        """The entry of an object that arrived.

        Raises:
            UpstreamBroke: its bytes are not what they should be.
        """
        if arrival.size is not None and draft.size != arrival.size:
            raise UpstreamBroke(
                key=fetch.key, reason=f"{draft.size} bytes came of {arrival.size} that were told"
            )
        digest = draft.digest()
        for expected in (arrival.sha256, sha256):
            if expected is not None and expected != digest:
                raise UpstreamBroke(
                    key=fetch.key,
                    reason=f"its SHA-256 is {digest.hex()}, not {expected.hex()}",
                )
        return msgspec.structs.replace(entry, size=draft.size, sha256=digest)

    async def close(self) -> None:
        """Ends all fetches."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _receive(fetch: Fetch, draft: Draft, arrival: Arrival) -> None:
    async for piece in arrival.pieces:
        if draft.size + len(piece) > LARGEST_OBJECT:
            raise UpstreamBroke(key=fetch.key, reason="it is too large")
        writing = asyncio.ensure_future(asyncio.to_thread(draft.write, piece))
        try:
            await asyncio.shield(writing)
        finally:
            # A thread cannot be cancelled: the file must not be closed before it is done.
            await asyncio.wait([writing])
        fetch.grew()
