"""Many viewers who wait for the same missing object: told of it in one go when it comes.

One request fetches the object. Those who ask for it meanwhile, plainly, wait here without a task of
their own: the head is rendered once and written to all in a row, then the content piece by piece. A
viewer who is slower than the others is left to a task that follows at that viewer's pace.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

import msgspec

from common import logs
from common.errors import NearcastError
from common.http import ByteRange
from common.http.cache_status import CacheStatus
from edge.fetch.arriving import Arriving
from edge.fetch.begun import Begun
from edge.fetch.outcomes import Ask
from edge.policy.answering import decide
from edge.policy.messages import Request
from edge.serve.body import Source
from edge.serve.ready import Means, Ready

TURN = 32
"""Viewers who get a piece until other connections get their turn."""

_log = logs.get(__name__)


class Attendance:
    """A viewer who waits, and then gets the answer."""

    __slots__ = (
        "_changed",
        "_done",
        "_ended",
        "_passed_on",
        "_transport",
        "paused",
        "ready",
        "sent",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        done: Callable[[], None],
        passed_on: Callable[[Begun | None], None],
    ) -> None:
        """Waits.

        Args:
            transport: the connection.
            done: is told that the answer has been sent, or cut.
            passed_on: is told, instead, that this is nobody's to answer here; and what was begun
                for it upstream, if anything was.
        """
        self._transport = transport
        self._done = done
        self._passed_on = passed_on
        self._changed: asyncio.Event | None = None
        self._ended = False
        self.paused = False
        """Whether the transport takes no more for now."""
        self.ready: Ready | None = None
        """What is answered, once that is known."""
        self.sent = 0
        """Bytes of content that were handed over."""

    @property
    def ended(self) -> bool:
        """Whether nothing more is wanted."""
        return self._ended

    def begin(self, ready: Ready) -> None:
        """Sends the head."""
        self.ready = ready
        self._transport.write(ready.head)

    def answer(self, ready: Ready, content: bytes) -> None:
        """Sends all of a small answer."""
        self.ready = ready
        self._transport.write(ready.head + content)
        self.sent = len(content)
        self.finish()

    def write(self, piece: bytes) -> None:
        """Sends content."""
        self._transport.write(piece)
        self.sent += len(piece)

    async def drained(self) -> None:
        """Waits until the transport takes more, or is gone."""
        while self.paused and not self._ended:
            self._changed = asyncio.Event()
            await self._changed.wait()

    def pause(self) -> None:
        """Learns that the transport takes no more for now."""
        self.paused = True

    def resume(self) -> None:
        """Learns that it takes more again."""
        self.paused = False
        if self._changed is not None:
            self._changed.set()

    def pass_on(self, begun: Begun | None = None) -> None:
        """Leaves the request, and what was ``begun`` for it upstream, to somebody else."""
        if not self._ended:
            self._ended = True
            self._passed_on(begun)
        elif begun is not None:
            begun.leave()

    def break_off(self) -> None:
        """Ends the connection, so that nobody takes what came for the whole."""
        if not self._ended:
            self._transport.abort()
            self.cut()

    def cut(self) -> None:
        """Ends it where it is."""
        if not self._ended:
            self._ended = True
            self.resume()
            self._done()

    finish = cut


class Crowds:
    """Who waits for what."""

    def __init__(self, means: Means) -> None:
        """Waits for what the fetches of ``means`` bring."""
        self._means = means
        self._cache = means.cache
        self._fetches = means.fetches
        self._waiting: dict[tuple[str, int], list[Attendance]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def is_awaited(self, key: str) -> bool:
        """Whether upstream is being asked for what is under ``key``."""
        return self._fetches.flights.is_asked_for(key)

    def join(self, key: str, request: Request, attendance: Attendance) -> None:
        """Lets somebody wait for the answer to ``request``, a plain GET."""
        # Whoever asks after a purge does not want what was asked for before it.
        crowd_key = (key, self._cache.purges.sequence)
        crowd = self._waiting.get(crowd_key)
        if crowd is not None:
            crowd.append(attendance)
            return
        self._waiting[crowd_key] = [attendance]
        self._spawn(self._serve(crowd_key, request))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, crowd_key: tuple[str, int], request: Request) -> None:
        key = crowd_key[0]
        coming = None
        try:
            coming = await self._fetches.joined(Ask(request, key))
        finally:
            crowd = self._waiting.pop(crowd_key)
            arriving = coming.arriving if coming is not None else None
            ready = self._ready(key, request, arriving) if arriving is not None else None
            if ready is None:
                for attendance in crowd:
                    attendance.pass_on()
            if arriving is not None and ready is None:
                arriving.leave()
        if arriving is None or ready is None:
            return
        for attendance in crowd:
            if not attendance.ended:
                attendance.begin(ready)
        try:
            await self._broadcast(key, request, arriving, crowd)
        finally:
            arriving.leave()

    def _ready(self, key: str, request: Request, arriving: Arriving) -> Ready | None:
        """The answer to all; None where each has to be looked at."""
        size = arriving.size
        if size is None or arriving.stored.selecting or arriving.span != (0, None):
            return None
        stored = msgspec.structs.replace(arriving.stored, size=size)
        decided = decide(request, stored, size)
        return self._means.ready(
            key,
            decided,
            ByteRange(0, size if decided.parts else 0),
            age=stored.age_at(self._means.clock.now()),
            result="collapsed",
            cache_status=str(CacheStatus(cache=self._means.name, fwd="uri-miss", collapsed=True)),
        )

    async def _broadcast(
        self, key: str, request: Request, arriving: Arriving, crowd: list[Attendance]
    ) -> None:
        stop = crowd[0].ready.stop if crowd[0].ready is not None else arriving.size or 0
        source = self._source(key, request, arriving)
        try:
            async with contextlib.aclosing(source.read(0, stop)) as pieces:
                async for piece in pieces:
                    crowd = await self._give(key, request, arriving, crowd, piece, stop)
                    if not crowd:
                        break
        except (NearcastError, OSError) as error:
            _log.info("answers cut", key=key, reason=str(error), viewers=len(crowd))
            for attendance in crowd:
                attendance.break_off()
        except BaseException:
            for attendance in crowd:
                attendance.break_off()
            raise
        for attendance in crowd:
            attendance.finish()

    async def _give(
        self,
        key: str,
        request: Request,
        arriving: Arriving,
        crowd: list[Attendance],
        piece: bytes,
        stop: int,
    ) -> list[Attendance]:
        """Sends a piece to all; answers with those who keep up."""
        keeping_up: list[Attendance] = []
        for number, attendance in enumerate(crowd, start=1):
            if attendance.ended:
                continue
            if attendance.paused:
                self._spawn(self._follow(key, request, arriving.enter(), attendance, stop))
            else:
                attendance.write(piece)
                keeping_up.append(attendance)
            if number % TURN == 0:
                await asyncio.sleep(0)
        return keeping_up

    async def _follow(
        self,
        key: str,
        request: Request,
        arriving: Arriving,
        attendance: Attendance,
        stop: int,
    ) -> None:
        """Sends the rest to one viewer, at that viewer's pace."""
        source = self._source(key, request, arriving)
        try:
            async with contextlib.aclosing(source.read(attendance.sent, stop)) as pieces:
                async for piece in pieces:
                    await attendance.drained()
                    if attendance.ended:
                        return
                    attendance.write(piece)
            attendance.finish()
        except (NearcastError, OSError) as error:
            _log.info("answer cut", key=key, reason=str(error))
            attendance.break_off()
        except BaseException:
            attendance.break_off()
            raise
        finally:
            arriving.leave()

    def _source(self, key: str, request: Request, arriving: Arriving) -> Source:
        stored = msgspec.structs.replace(arriving.stored, size=arriving.size or 0)
        return Source(self._cache, self._fetches, request, key, stored, arriving=arriving)

    async def close(self) -> None:
        """Ends all that is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
