"""Desks of purges on a log that a test holds up or takes away."""

import asyncio
from collections.abc import Sequence

from common.clock import SystemClock
from common.errors import Unavailable
from common.messages import PurgeRequest
from control_plane.purge import KnownEdge, PurgeDesk, PurgeLog, PurgeRecord
from control_plane.purge.sqlite import SqlitePurgeLog

ASKED = PurgeRequest(asset_id="a")


class Log(SqlitePurgeLog):
    """A log that can be held up, or be away; notes how much was written at a time."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # handed on as they come
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.written: list[int] = []
        self.reads = 0

    async def append(self, purges: Sequence[PurgeRecord]) -> tuple[PurgeRecord, ...]:
        await self.gate.wait()
        self._check()
        self.written.append(len(purges))
        return await super().append(purges)

    async def since(self, sequence: int, *, limit: int) -> tuple[PurgeRecord, ...]:
        self._check()
        self.reads += 1
        return await super().since(sequence, limit=limit)

    def _check(self) -> None:
        if self.away:
            raise Unavailable(what="the log", reason="the test says so")


class Told:
    """A desk, and what it calls."""

    def __init__(self, log: PurgeLog) -> None:
        self.edges: list[KnownEdge] = []
        self.desk = PurgeDesk(log, lambda: self.edges, SystemClock())
        self.news: list[int] = []
        self.hints = 0
        self.desk.on_new = lambda: self.news.append(self.desk.head)
        self.desk.on_written = self._written

    def _written(self) -> None:
        self.hints += 1
