"""Keeping the own store like the others: finds what it lacks, copies it, and looks after it.

Nothing of this is remembered: what there is to do stands in the stores, and a process that is
killed finds it there again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from origin.remove import delete_all
from origin.replicas.backlog import MOST, Backlog
from origin.replicas.checking import broken_objects
from origin.replicas.copying import Copied, Copier, PackageUnknown, VersionRemoved
from origin.replicas.layout import CHECK, COPYING, VersionName, copier_of, name_of
from origin.replicas.metrics import ReplicaMetrics
from origin.replicas.pace import Pace
from origin.replicas.regions import Region, Regions
from origin.replicas.survey import ROOT, only_in_second, removals, side_by_side, versions
from origin.settings import ReplicationSettings
from origin.store import mark_removed

PACKAGES_AT_ONCE: Final = 4
NEWEST: Final = 32
"""Assets at the end of the listing that a look for new ones begins with: names of assets sort by
the time they were made, but not all are published in that order."""
SHARE: Final = 9
"""How many times as long as a look took the pause after it is at least."""
CHECK_PAUSE: Final = 60.0
"""Seconds between one check of the whole own store and the next, at least."""
RETRY_PAUSE: Final = 5.0
"""Seconds before a look is tried again that a store broke off."""

_log = logs.get(__name__)


class Replication:
    """Copies into the own store what other regions have."""

    def __init__(
        self,
        regions: Regions,
        settings: ReplicationSettings,
        clock: Clock,
        metrics: ReplicaMetrics,
    ) -> None:
        self._regions = regions
        self._own = regions.own
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._backlog = Backlog(MOST)
        self._woken = asyncio.Event()
        self._has_room = asyncio.Event()
        self._newest: dict[str, str] = {}
        """The key after which the newest assets are, by the name of the source."""
        self._copier = Copier(
            regions.own,
            regions.sources,
            clock,
            name=regions.own.name,
            objects_at_once=settings.objects_at_once,
            pace=Pace(settings.rate),
        )
        metrics.follow(
            regions.own.name,
            lambda: self._backlog.oldest(clock.monotonic()),
            lambda: float(len(self._backlog)),
        )

    def asked(self, key: str) -> None:
        """Says that a reader wanted ``key``, which another store had: its version is copied now."""
        name = name_of(key)
        if name is not None:
            self._put(name, asked=True)

    async def run(self) -> None:
        """Works for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._regularly(self._resume, lambda _: None))
            for _ in range(PACKAGES_AT_ONCE):
                group.create_task(self._work())
            for task in (
                self._regularly(
                    self._survey_all,
                    lambda took: max(self._settings.survey_every, SHARE * took),
                    early=self._has_room,
                ),
                self._regularly(
                    self._look, lambda took: max(self._settings.look_every, SHARE * took)
                ),
                self._regularly(self.check, lambda took: max(CHECK_PAUSE, took)),
            ):
                group.create_task(task)

    async def _regularly(
        self,
        work: Callable[[], Awaitable[None]],
        pause: Callable[[float], float | None],
        *,
        early: asyncio.Event | None = None,
    ) -> None:
        """Does ``work`` again and again.

        Args:
            work: what.
            pause: the seconds until the next time, from those that it took; None for never.
            early: has the next time be now, whatever the pause.
        """
        while True:
            began = self._clock.monotonic()
            try:
                await work()
                rest = pause(self._clock.monotonic() - began)
            except NearcastError as error:
                _log.warning("looking after the own store waits", reason=str(error))
                rest = RETRY_PAUSE
            except Exception:
                # Whatever it was, it must not be the end of replication.
                _log.exception("looking after the own store failed")
                rest = RETRY_PAUSE
            if rest is None:
                return
            if early is None:
                await asyncio.sleep(rest)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await early.wait()
            early.clear()

    def _put(self, name: VersionName, *, asked: bool = False) -> None:
        if self._backlog.put(name, self._clock.monotonic(), asked=asked) or asked:
            self._woken.set()

    def _done(self, name: VersionName) -> None:
        self._backlog.done(name)
        if self._backlog.overflowed and len(self._backlog) <= MOST // 2:
            # What was forgotten for want of room can be found again now.
            self._backlog.overflowed = False
            self._has_room.set()

    async def _resume(self) -> None:
        """Finds what this origin was copying when it was killed, under whatever name."""
        async with contextlib.aclosing(self._own.store.list(COPYING)) as found:
            async for each in found:
                mark = copier_of(each.key)
                if mark is None or mark[1] == CHECK:
                    continue
                self._put(mark[0], asked=True)
                if mark[1] != self._own.name:
                    await self._own.store.delete(each.key)

    async def _work(self) -> None:
        while True:
            now = self._clock.monotonic()
            name = self._backlog.take(now)
            if name is None:
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._backlog.wait(now)):
                        await self._woken.wait()
                continue
            await self._copy(name)

    async def _copy(self, name: VersionName) -> None:
        metrics, own = self._metrics, self._own.name
        try:
            copied = await self._copied_or_removed(name)
        except NearcastError as error:
            _log.warning("a package could not be copied", package=name.prefix, reason=str(error))
            metrics.failures.labels(own, error.code).inc()
            self._backlog.failed(name, self._clock.monotonic())
            return
        except Exception:
            _log.exception("copying a package failed", package=name.prefix)
            metrics.failures.labels(own, "error").inc()
            self._backlog.failed(name, self._clock.monotonic())
            return
        self._done(name)
        if copied is None:
            return
        metrics.bytes.labels(own).inc(copied.bytes)
        if copied.mended:
            metrics.repaired.labels(own).inc(copied.objects)
        else:
            metrics.packages.labels(own).inc()
        if copied.bytes:
            _log.info(
                "mended a package" if copied.mended else "copied a package",
                package=name.prefix,
                objects=copied.objects,
                bytes=copied.bytes,
            )

    async def _copied_or_removed(self, name: VersionName) -> Copied | None:
        """What was copied; None where there is nothing to be copied."""
        try:
            return await self._copier.copy(name)
        except PackageUnknown:
            return None
        except VersionRemoved:
            await self._remove(name)
            return None

    async def _survey_all(self) -> None:
        """Finds every version that the own store lacks, and what was removed elsewhere."""
        for source in self._sources():
            await self._find_removals(source)
            await self._survey(source, "")

    async def _look(self) -> None:
        """Finds the versions of new assets."""
        for source in self._sources():
            if source.name in self._newest:
                await self._survey(source, self._newest[source.name])

    def _sources(self) -> list[Region]:
        return [source for source in self._regions.sources if not source.health.away]

    async def _survey(self, source: Region, after: str) -> None:
        newest: deque[str] = deque(maxlen=NEWEST)
        stores = (self._own.store, source.store)
        async with contextlib.aclosing(side_by_side(stores, after)) as found:
            async for name, (mine, theirs) in found:
                if theirs is None:
                    continue
                if not newest or newest[-1] != name.asset:
                    newest.append(name.asset)
                if theirs.whole and not (mine is not None and mine.whole):
                    self._put(name)
        if newest:
            self._newest[source.name] = ROOT + newest[0]

    async def _find_removals(self, source: Region) -> None:
        """Finds what was removed elsewhere while the own store could not be told."""
        async with (
            contextlib.aclosing(removals(self._own.store)) as mine,
            contextlib.aclosing(removals(source.store)) as theirs,
            contextlib.aclosing(only_in_second(mine, theirs)) as found,
        ):
            async for name in found:
                # Whoever would copy it now sees that it was removed.
                self._put(name)

    async def _remove(self, name: VersionName) -> None:
        """Deletes a version; the mark comes last, so that a process that is killed does it again.

        It is this worker's, so that nobody copies it meanwhile.
        """
        await self._own.store.delete(name.manifest)
        gone, _ = await delete_all(self._own.store, name.prefix, self._clock, float("inf"))
        await mark_removed(self._own.store, *name)
        if gone:
            _log.info("removed what was removed elsewhere", package=name.prefix, objects=gone)

    async def check(self) -> None:
        """Holds every package of the own store against its manifest, at its slow pace."""
        missing = 0
        async with contextlib.aclosing(versions(self._own.store)) as found:
            async for held in found:
                if not held.whole:
                    continue
                broken = await broken_objects(self._own, held)
                missing += broken
                if broken:
                    self._put(held.name)
                await asyncio.sleep(1 / self._settings.checks_per_second)
        self._metrics.missing.labels(self._own.name).set(missing)
