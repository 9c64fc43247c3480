"""The desk that takes purges, knows what the log has, and hears how far edges are.

What it answers is durable in the log. What edges are told comes from memory, which follows the log
at once where this control plane wrote it, and within a second where another did.
"""

import asyncio
import contextlib
import math
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import OrderedPurge, OrderedPurges, PurgeRequest, PurgeView
from control_plane.purge.meaning import meaning_of
from control_plane.purge.pace import Pace
from control_plane.purge.port import PurgeLog
from control_plane.purge.progress import KnownEdge, Progress
from control_plane.purge.recent import KEPT, RecentPurges
from control_plane.purge.records import PurgeRecord
from control_plane.waiting import CatchUp, Patience

LOOK_EVERY: Final = 1.0
"""Seconds between looks for what other control planes wrote."""
AT_ONCE: Final = 1000
"""Purges that are written, or read, together."""
MOST_WAITING: Final = 5000
"""Purges that may wait to be written."""
KEPT_FOR: Final = 30 * 86400.0
"""Seconds that a purge stays in the log at most."""
TRIM_EVERY: Final = 600.0
"""Seconds between looks for what is too old or too much."""
EDGES_KNOWN_FOR: Final = 0.1
"""Seconds before all edges are looked at once more."""

_log = logs.get(__name__)


class PurgeStorm(NearcastError):
    """{waiting} purges wait to be written already: ask again in a second."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class PurgeUnknown(NearcastError):
    """There is no purge {purge_id!r}, or it is long ago."""

    status = 404


class _Waiting:
    """A purge that is to be written, and who waits for it."""

    def __init__(self, record: PurgeRecord) -> None:
        self.record = record
        self.written: asyncio.Future[PurgeRecord] = asyncio.get_running_loop().create_future()


class PurgeDesk:
    """Takes purges and follows them to every edge."""

    def __init__(
        self, log: PurgeLog, edges: Callable[[], Iterable[KnownEdge]], clock: Clock
    ) -> None:
        """``edges`` tells every edge that was ever heard of."""
        self._log = log
        self._edges = edges
        self._clock = clock
        self._recent = RecentPurges()
        self._progress = Progress()
        self._waiting: deque[_Waiting] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._hinted = asyncio.Event()
        self._catch_up = CatchUp(self._read, self._tell_again)
        self._floor = 0
        self._looks = False
        self._watchers = 0
        self._risen = asyncio.Event()
        self._pace = Pace(clock.monotonic())
        self._telling: asyncio.TimerHandle | None = None
        self._known: tuple[KnownEdge, ...] = ()
        self._known_at = -math.inf
        self._trimmed_at = clock.monotonic()
        self._started = False
        self.on_new: Callable[[], None] = lambda: None
        """Called whenever there are purges that edges do not know."""
        self.on_written: Callable[[], None] = lambda: None
        """Called whenever this control plane has written some, which the others do not know."""
        self._patience = Patience(clock)
        self._unread: str | None = "the log of purges was not read yet"
        """Why it could not be read the last time."""

    @property
    def away(self) -> str | None:
        """Why memory and log may differ; None when they do not."""
        return self._unread or self._patience.trouble

    # What operators ask.

    async def purge(self, asked: PurgeRequest, *, by: str) -> PurgeRecord:
        """Takes a purge; durable when this returns, and on its way to every edge.

        Raises:
            PurgeStorm: too many wait to be written.
            StorageFull: no space is left.
            Unavailable: the database does not answer.
            NearcastError: the request means nothing, as ``meaning_of`` tells.
        """
        scope, value = meaning_of(asked)
        if len(self._waiting) >= MOST_WAITING:
            raise PurgeStorm(waiting=len(self._waiting))
        now = self._clock.now()
        waiting = _Waiting(
            PurgeRecord(secrets.token_hex(8), scope, value, asked.soft, by, now),
        )
        self._waiting.append(waiting)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await waiting.written

    async def _write(self) -> None:
        """Writes what waits, and what comes while it does, all that waits at a time."""
        try:
            while self._waiting:
                count = min(len(self._waiting), AT_ONCE)
                batch = [self._waiting.popleft() for _ in range(count)]
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        try:
            records = await self._log.append([waiting.record for waiting in batch])
        except Exception as error:
            if not isinstance(error, NearcastError):
                _log.exception("purges could not be written")
            # Those that wait behind would only wait longer for the same.
            for waiting in (*batch, *self._waiting):
                if not waiting.written.done():
                    waiting.written.set_exception(error)
            self._waiting.clear()
            return
        # An edge that came a moment ago has to carry these out, too.
        self._known_at = -math.inf
        if self._recent.take(records) and self._recent.has(records[-1]):
            self._tell_new()
        else:
            # Others have written between these, or the log is another one.
            await self.refresh()
        self.on_written()
        for waiting, record in zip(batch, records, strict=True):
            if not waiting.written.done():
                waiting.written.set_result(record)

    async def find(self, purge_id: str) -> PurgeRecord:
        """The purge of that name.

        Raises:
            PurgeUnknown: there is none.
            Unavailable: the database does not answer.
        """
        record = await self._log.purge(purge_id)
        if record is None:
            raise PurgeUnknown(purge_id=purge_id[:64])
        return record

    async def latest(self, *, limit: int) -> list[PurgeView]:
        """The newest purges, the newest first; raises as ``find``."""
        records = await self._log.recent(limit=limit)
        edges = self._known_edges()
        return [self._progress.view(record, edges) for record in records]

    def view(self, record: PurgeRecord) -> PurgeView:
        """A purge as people see it."""
        return self._progress.view(record, self._known_edges())

    async def done(self, record: PurgeRecord, *, within: float) -> PurgeView:
        """A purge once every edge that is not away has carried it out, or after ``within``
        seconds."""
        if within <= 0:
            return self.view(record)
        self._watchers += 1
        try:
            self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    while self._floor < record.sequence:
                        await self._risen.wait()
        finally:
            self._watchers -= 1
        return self.view(record)

    # What edges ask, and tell.

    @property
    def head(self) -> int:
        """The number of the last purge that is known here."""
        return self._recent.head

    def since(self, sequence: int) -> OrderedPurges:
        """The purges that follow on number ``sequence``, so many as go into one answer."""
        return self._recent.since(sequence)

    async def orders(
        self, edge_id: str, sequence: int, *, acknowledges: bool = True
    ) -> OrderedPurges | None:
        """What an edge is told that has carried out all purges up to number ``sequence``, which is
        its acknowledgement of them unless it may be another edge; None when nothing is new."""
        # It may have heard of them from another control plane, as others may have.
        if not await self._catch_up.sure(lambda: sequence <= self.head):
            return None
        if acknowledges:
            self.acknowledged(edge_id, sequence)
        if not self._started or self._recent.told <= sequence <= self.head:
            return None
        return self.since(sequence)

    def acknowledged(self, edge_id: str, sequence: int) -> None:
        """Takes it that an edge has carried out all purges up to number ``sequence``."""
        now = self._clock.now()
        news = self._progress.note(edge_id, sequence, head=self.head, now=now)
        if news and self._watchers and not self._looks:
            # Acknowledgements come in crowds.
            self._looks = True
            asyncio.get_running_loop().call_soon(self._look)

    def heard(self, edge_id: str, sequence: int) -> None:
        """Takes what a heartbeat says of that. An acknowledgement may have overtaken it: it takes
        nothing back."""
        if sequence > self._progress.reached(edge_id):
            self.acknowledged(edge_id, sequence)

    def _known_edges(self) -> tuple[KnownEdge, ...]:
        """All edges; takes what their heartbeats tell."""
        now = self._clock.monotonic()
        if now - self._known_at >= EDGES_KNOWN_FOR:
            self._known_at, self._known = now, tuple(self._edges())
            self._progress.note_heartbeats(self._known, head=self.head, now=self._clock.now())
        return self._known

    def _look(self) -> None:
        """Wakes those who wait for a purge when all edges have come further."""
        self._looks = False
        before = self._floor
        self._floor = self._progress.floor(self._known_edges(), head=self.head)
        if self._floor > before:
            risen, self._risen = self._risen, asyncio.Event()
            risen.set()

    # What other control planes wrote.

    def hint(self) -> None:
        """Says that there may be purges of others: look now."""
        self._hinted.set()

    async def run(self) -> None:
        """Follows the log, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._hinted.wait()
            self._hinted.clear()
            try:
                await self.refresh()
                self._look()
                await self._trim()
            except Exception:
                # Whatever it was, it must not be the end of following.
                _log.exception("the log of purges could not be followed")

    async def refresh(self) -> None:
        """Learns what others have written. Never raises for a database that is away: what is known
        is told on."""
        await self._read()

    async def _read(self) -> bool:
        """The same; whether the log could be read."""
        unread = self._unread
        try:
            with self._patience.waiting():
                await self._follow()
        except NearcastError as error:
            if self._unread is None:
                _log.warning("purges of other control planes wait", reason=str(error))
            self._unread = str(error)
        else:
            self._unread = None
        self._tell_new()
        if self._unread is None:
            if unread is not None and self._started:
                _log.info("the log of purges answers")
                self._tell_again()
            self._started = True
        return self._unread is None

    async def _follow(self) -> None:
        while True:
            known, last = self._recent, self._recent.last
            if last is not None and await self._goes_on(last):
                return
            recent = await self._read_anew()
            # What was written here meanwhile may be missing in it.
            if self._recent is known and known.last is last:
                break
        self._recent = recent
        if last is not None:
            _log.warning("the log of purges is another one", was=last.sequence, now=recent.head)
            self._progress = Progress()
            self._tell_again()

    async def _goes_on(self, last: OrderedPurge) -> bool:
        """Takes what follows on the last one that is known; False when the log has another one in
        its place, and so is another log."""
        found = await self._log.since(last.sequence - 1, limit=AT_ONCE)
        if not found or found[0].purge_id != last.purge_id:
            return False
        await self._take(self._recent, found)
        return True

    async def _read_anew(self) -> RecentPurges:
        found = await self._log.since(0, limit=AT_ONCE)
        recent = RecentPurges(after=found[0].sequence - 1 if found else 0)
        await self._take(recent, found)
        return recent

    async def _take(self, recent: RecentPurges, found: tuple[PurgeRecord, ...]) -> None:
        while recent.take(found) and len(found) == AT_ONCE:
            found = await self._log.since(recent.head, limit=AT_ONCE)

    async def _trim(self) -> None:
        if self._clock.monotonic() - self._trimmed_at < TRIM_EVERY:
            return
        self._trimmed_at = self._clock.monotonic()
        with contextlib.suppress(NearcastError):
            # The database is away, which the refresh tells.
            await self._log.trim(keep=KEPT, before=self._clock.now() - KEPT_FOR)

    def _tell_new(self) -> None:
        """Tells edges, at once unless they were told too often just now."""
        if self._recent.told == self._recent.head or self._telling is not None:
            return
        delay = self._pace.delay(self._listening(), self._clock.monotonic())
        if delay > 0:
            self._telling = asyncio.get_running_loop().call_later(delay, self._tell)
        else:
            self._tell()

    def _tell(self) -> None:
        self._telling = None
        self._pace.tell(self._listening(), self._clock.monotonic())
        self._recent.tell()
        self.on_new()

    def _tell_again(self) -> None:
        """Has edges that know of more than was known here looked at once more."""
        self.on_new()

    def _listening(self) -> int:
        return sum(not edge.away for edge in self._known_edges())

    async def close(self) -> None:
        """Finishes writing."""
        if self._telling is not None:
            self._telling.cancel()
        await self._catch_up.close()
        if self._writing is not None:
            await asyncio.wait([self._writing])
