"""The fill agent: works until the edge holds its desired state, and knows what it holds.

The desired state is kept in the index, so that after a restart the same objects are pinned and held
even if the control plane is gone. What is held already is never fetched again. A package that fails
is tried again, each time later; the others go on meanwhile.
"""

import asyncio
import contextlib
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import (
    DesiredChange,
    DesiredPackage,
    Holdings,
    HoldingsChange,
    ManifestObject,
    PackageName,
)
from edge.fetch.errors import WrongBytes
from edge.fill.manifests import let_others, missing_of, read_manifest
from edge.fill.obtain import Obtain
from edge.fill.progress import Progress
from edge.policy.fill_order import rank
from edge.policy.fill_turns import FillTurns
from edge.policy.fill_window import FillPlan
from edge.policy.held_changes import HeldChanges
from edge.policy.stored import Stored
from edge.store import Cache, DesiredRow
from edge.store.desired import same_content

LOOK_ANEW = 1800.0
"""Seconds after which it is found out anew what is held of all packages."""

_log = logs.get(__name__)


class FillAgent:
    """Fills the cache with the desired state."""

    def __init__(
        self,
        edge_id: str,
        cache: Cache,
        obtain: Obtain,
        clock: Clock,
        plan: FillPlan,
        *,
        concurrency: int,
    ) -> None:
        """Fills.

        Args:
            edge_id: the edge's name.
            cache: what is filled.
            obtain: gets objects.
            clock: the time.
            plan: when what is not urgent is filled.
            concurrency: how many objects are fetched at the same time, and as many urgent ones
                besides: those wait for none that comes slowly.
        """
        self._edge_id = edge_id
        self._cache = cache
        self._obtain = obtain
        self._clock = clock
        self._plan = plan
        self._concurrency = concurrency
        self.revision = 0
        """The desired state it works on; 0 before the first."""
        self._progress: dict[PackageName, Progress] = {}
        self._turns = FillTurns(plan)
        self._to_look: OrderedDict[PackageName, None] = OrderedDict()
        """Packages of which it is to be found out what is held."""
        self._pending = [0, 0]
        self._troubled: dict[PackageName, bool] = {}
        """Packages of which something failed; whether it was something else than published."""
        self._wake = asyncio.Event()
        self._changes = HeldChanges(uuid.uuid4().hex[:12])
        self.completed: Callable[[], None] = _nobody_waits
        """Called when all of another package is held."""

    # What it knows.

    @property
    def pending(self) -> tuple[int, int]:
        """Objects still to be filled, and their bytes, as far as manifests tell."""
        return self._pending[0], self._pending[1]

    @property
    def window_open(self) -> bool:
        """Whether what is not urgent may be filled now."""
        return self._plan.allows(self._clock.now())

    @property
    def rate(self) -> float:
        """Bits per second that may be filled now; 0 for any."""
        return self._plan.bytes_per_second(self._clock.now()) * 8

    @property
    def trouble(self) -> tuple[int, int]:
        """Packages of which something failed lately; and of them, those of which something else was
        found than was published."""
        return len(self._troubled), sum(self._troubled.values())

    @property
    def holdings_revision(self) -> str:
        """Names what the edge holds of its desired state."""
        return self._changes.revision

    def holdings(self) -> Holdings:
        """What the edge holds of its desired state."""
        parts = (self._progress[name].held for name in sorted(self._progress))
        packages = tuple(held for held in parts if held is not None)
        return Holdings(self._edge_id, self._changes.revision, packages)

    def holdings_since(self, revision: str) -> HoldingsChange | None:
        """What differs from the holdings of ``revision``; None where that cannot be told."""
        changed = self._changes.since(revision)
        if changed is None:
            return None
        parts = (self._progress[name].held for name in changed.held)
        packages = tuple(held for held in parts if held is not None)
        return HoldingsChange(
            self._edge_id, revision, self._changes.revision, packages, changed.dropped
        )

    # What it is told.

    async def restore(self) -> None:
        """Takes up the desired state of the last run, and what that knew to be held of it."""
        try:
            revision, rows = await self._cache.desired.load(self._edge_id)
        except NearcastError as error:
            _log.warning("desired state is lost, the control plane has it", reason=str(error))
            return
        for number, row in enumerate(rows):
            part = self._progress[row.name] = Progress(row)
            self._to_look[row.name] = None
            self._note(part)
            await let_others(number)
        self.revision = revision

    async def apply_change(self, change: DesiredChange) -> None:
        """Takes up a new desired state, unless ``change`` is of one that is not known here."""
        if change.since not in {0, self.revision} or change.edge_id != self._edge_id:
            return
        await self._store(change)
        # There may be tens of thousands, and others need the event loop meanwhile.
        wanted, last_first = await asyncio.to_thread(_sorted, change.packages)
        dropped: Iterable[PackageName] = change.dropped
        if change.since == 0:
            dropped = tuple(self._progress)
        for number, name in enumerate(dropped):
            if name not in wanted:
                self._drop(name)
            await let_others(number)
        # Those that are to be filled first are looked at first, and before all that are there.
        for number, package in enumerate(last_first):
            self._want(package)
            await let_others(number)
        self.revision = change.revision
        self._turns.hurry()
        self._tell()

    async def _store(self, change: DesiredChange) -> None:
        reason = "a change before it is not"
        try:
            if await self._cache.desired.change(change):
                return
        except NearcastError as error:
            reason = str(error)
        # It is asked for again after a restart; an edge with a full disk has to serve on.
        _log.warning("desired state not stored", reason=reason)

    def look_again(self) -> None:
        """Finds out anew what is held, and fills what is not."""
        self._to_look.update(dict.fromkeys(self._progress))
        self._tell()

    def _want(self, package: DesiredPackage) -> None:
        name = PackageName(package.asset_id, package.version)
        part = self._progress.get(name)
        if part is not None and same_content(part.desired, package):
            part.row = msgspec.structs.replace(part.row, package=package)
            if name not in self._to_look:
                self._enqueue(part)
            return
        self._drop(name)
        part = self._progress[name] = Progress(DesiredRow(package))
        self._note(part)
        self._to_look[name] = None
        self._to_look.move_to_end(name, last=False)

    def _drop(self, name: PackageName) -> None:
        part = self._progress.pop(name, None)
        if part is None:
            return
        self._count(part, (0, 0))
        self._turns.remove(name)
        self._to_look.pop(name, None)
        self._troubled.pop(name, None)
        if part.told is not None:
            self._changes.drop(name)

    # What it does.

    async def run(self) -> None:
        """Fills for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            for _ in range(self._concurrency):
                group.create_task(self._work())
                group.create_task(self._work(urgent_only=True))

    async def _look(self) -> None:
        """Finds out what is held of packages, whenever that has to be done."""
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while True:
            wake = self._wake
            if not self._to_look:
                try:
                    async with asyncio.timeout_at(looked_at + LOOK_ANEW):
                        await wake.wait()
                except TimeoutError:
                    # What a disk has spoilt is found missing some time, whoever noticed.
                    looked_at = loop.time()
                    self.look_again()
                continue
            name, _ = self._to_look.popitem(last=False)
            part = self._progress[name]
            try:
                await self._look_at(part)
            except asyncio.CancelledError:
                self._to_look[name] = None
                raise
            await asyncio.sleep(0)

    async def _look_at(self, part: Progress) -> None:
        item, known, before = part.manifest, False, part.whole
        entry = self._obtain.held(item.key, item.sha256)
        if entry is not None:
            with contextlib.suppress(NearcastError, OSError):
                # What cannot be read is fetched again with the rest.
                await self._read_manifest(part, entry)
                known = True
        if not known:
            part.forget()
        self._note(part)
        self._enqueue(part)
        if part.whole != before:
            await self._write_down(part)

    async def _work(self, *, urgent_only: bool = False) -> None:
        """Fetches one object after the other."""
        while True:
            wake = self._wake
            job = self._next(urgent_only=urgent_only)
            if job is None:
                with contextlib.suppress(TimeoutError):
                    clock = self._clock
                    async with asyncio.timeout(self._turns.wait(clock.monotonic(), clock.now())):
                        await wake.wait()
                continue
            await self._fetch(*job)

    def _next(self, *, urgent_only: bool) -> tuple[Progress, ManifestObject] | None:
        while True:
            now = self._clock.monotonic()
            name = self._turns.first(now, self._clock.now(), urgent_only=urgent_only)
            if name is None:
                return None
            part = self._progress[name]
            item = part.take(now)
            if item is not None:
                return part, item
            self._enqueue(part)

    async def _fetch(self, part: Progress, item: ManifestObject) -> None:
        paced = not part.desired.urgent
        try:
            entry = await self._obtain.fetch(item.key, item.sha256, paced=paced)
            if item.key == part.desired.manifest_key:
                await self._read_manifest(part, entry)
        except (NearcastError, OSError) as error:
            self._failed(part, item, error)
        except asyncio.CancelledError:
            part.give_back(item)
            self._enqueue(part)
            raise
        else:
            part.got(item)
            if part.whole:
                self._troubled.pop(part.name, None)
            if self._turns.came():
                self._tell()
            self._note(part)
            if item.key == part.desired.manifest_key:
                self._enqueue(part)
            if part.whole:
                await self._write_down(part)

    def _failed(self, part: Progress, item: ManifestObject, error: Exception) -> None:
        now = self._clock.monotonic()
        pause = part.failed(item, now)
        if self._progress.get(part.name) is not part:
            return
        changed = isinstance(error, WrongBytes)
        self._troubled[part.name] = changed
        _log.warning(
            "what was published is not what is there" if changed else "fill failed",
            asset=part.desired.asset_id,
            version=part.desired.version,
            key=item.key,
            reason=str(error),
            again_in=round(pause, 1),
        )
        self._turns.failed(now)
        self._enqueue(part)

    def _enqueue(self, part: Progress) -> None:
        """Has its turn come when something of it can be fetched."""
        if self._progress.get(part.name) is not part:
            return
        ready_at = part.ready_at
        if ready_at is None:
            # It is whole, or others fetch what there is: it comes back when that fails.
            self._turns.remove(part.name)
        else:
            self._turns.put(part.desired, ready_at, self._clock.monotonic())
            self._tell()

    async def _read_manifest(self, part: Progress, entry: Stored) -> None:
        manifest = await read_manifest(self._cache, entry, part.desired.manifest_key)
        part.learn(manifest, await missing_of(manifest, self._obtain))
        if not part.row.pinned:
            await self._write_down(part, [item.key for item in manifest.objects])

    async def _write_down(self, part: Progress, keys: Sequence[str] = ()) -> None:
        """Has the next run know what is known of a package; and pins ``keys`` for it."""
        if keys:
            part.row = msgspec.structs.replace(part.row, pinned=True)
        known = part.row
        if not part.whole:
            known = msgspec.structs.replace(known, objects=0, bytes=0)
        try:
            await self._cache.desired.learn(known, keys)
        except NearcastError as error:
            # With a full disk, what was pinned before stays pinned.
            _log.warning("pins not stored", reason=str(error))

    def _note(self, part: Progress) -> None:
        """Has others know what is held of a package now, and what is not."""
        if self._progress.get(part.name) is not part:
            return
        self._count(part, part.pending)
        held, before = part.held, part.told
        if held == before:
            return
        part.told = held
        if held is None:
            self._changes.drop(part.name)
            return
        self._changes.hold(part.name)
        if part.whole:
            self.completed()

    def _count(self, part: Progress, pending: tuple[int, int]) -> None:
        for number in range(2):
            self._pending[number] += pending[number] - part.counted[number]
        part.counted = pending

    def _tell(self) -> None:
        """Has all look whether there is something to do."""
        wake, self._wake = self._wake, asyncio.Event()
        wake.set()


def _sorted(
    packages: Iterable[DesiredPackage],
) -> tuple[dict[PackageName, DesiredPackage], list[DesiredPackage]]:
    """``packages`` by name, and in the order in which they are filled, the first last."""
    wanted = {PackageName(each.asset_id, each.version): each for each in packages}
    return wanted, sorted(wanted.values(), key=rank, reverse=True)


def _nobody_waits() -> None:
    pass
