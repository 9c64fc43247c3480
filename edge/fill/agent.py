"""The fill agent: works until the edge holds its desired state, and knows what it holds.

The desired state is kept on disk, so that after a restart the same objects are pinned and held even
if the control plane is gone. What is held already is never fetched again.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from common import logs
from common.errors import NearcastError
from common.messages import (
    DesiredChange,
    DesiredPackage,
    DesiredState,
    HeldPackage,
    Holdings,
    HoldingsChange,
    ManifestObject,
    MessageInvalid,
    PackageManifest,
    PackageName,
    decode,
    encode,
)
from common.service import write_atomically
from edge.fetch.errors import UpstreamBroke
from edge.fill.obtain import Obtain
from edge.policy.fill_order import object_order, package_order
from edge.policy.held_changes import HeldChanges
from edge.policy.stored import Stored
from edge.store import Cache

FIRST_PAUSE = 0.5
"""Seconds before a fill that failed is tried again."""
LONGEST_PAUSE = 30.0
"""Seconds that the pause, doubled at each failure, grows to."""
LARGEST_MANIFEST = 64 * 1024 * 1024
"""Bytes of a manifest."""

_log = logs.get(__name__)


@dataclass
class _Progress:
    """How much of a package is held."""

    desired: DesiredPackage
    manifest: PackageManifest | None = None
    missing: dict[str, ManifestObject] = field(default_factory=dict)
    """By key; of no meaning before the manifest is there."""

    @property
    def name(self) -> PackageName:
        return PackageName(self.desired.asset_id, self.desired.version)

    @property
    def held(self) -> HeldPackage:
        objects = self.manifest.objects if self.manifest else ()
        missing = self.missing.values()
        total = sum(item.size for item in objects)
        return HeldPackage(
            asset_id=self.desired.asset_id,
            version=self.desired.version,
            objects_held=len(objects) - len(missing),
            objects_total=len(objects),
            bytes_held=total - sum(item.size for item in missing),
            bytes_total=total or self.desired.bytes,
        )


class FillAgent:
    """Fills the cache with the desired state."""

    def __init__(
        self, edge_id: str, cache: Cache, obtain: Obtain, folder: Path, *, concurrency: int
    ) -> None:
        self._edge_id = edge_id
        self._cache = cache
        self._obtain = obtain
        self._file = folder / "desired.json"
        self._concurrency = concurrency
        self._state = DesiredState(edge_id, 0, ())
        self._progress: dict[tuple[str, str], _Progress] = {}
        self._changed = asyncio.Event()
        self._changes = HeldChanges(uuid.uuid4().hex[:12])
        self.completed: Callable[[], None] = _nobody_waits
        """Called when all of another package is held."""

    @property
    def revision(self) -> int:
        """The desired state it works on; 0 before the first."""
        return self._state.revision

    @property
    def pending(self) -> tuple[int, int]:
        """Objects still to be filled, and their bytes, as far as manifests tell."""
        missing = [item for part in self._progress.values() for item in part.missing.values()]
        unknown = sum(1 for part in self._progress.values() if part.manifest is None)
        return len(missing) + unknown, sum(item.size for item in missing)

    @property
    def holdings_revision(self) -> str:
        """Names what the edge holds of its desired state."""
        return self._changes.revision

    def holdings(self) -> Holdings:
        """What the edge holds of its desired state."""
        packages = tuple(
            self._progress[name].held
            for name in sorted(self._progress)
            if self._progress[name].manifest is not None
        )
        return Holdings(self._edge_id, self._changes.revision, packages)

    def holdings_since(self, revision: str) -> HoldingsChange | None:
        """What differs from the holdings of ``revision``; None where that cannot be told."""
        changed = self._changes.since(revision)
        if changed is None:
            return None
        return HoldingsChange(
            self._edge_id,
            revision,
            self._changes.revision,
            tuple(self._progress[name.asset_id, name.version].held for name in changed.held),
            changed.dropped,
        )

    async def restore(self) -> None:
        """Takes up the desired state of the last run, and looks at what is held of it."""
        try:
            stored = await asyncio.to_thread(self._file.read_bytes)
            state = decode(stored, DesiredState)
        except FileNotFoundError:
            return
        except (OSError, MessageInvalid) as error:
            _log.warning("stored desired state is lost, the control plane has it", why=str(error))
            return
        if state.edge_id == self._edge_id:
            await self._adopt(state)

    async def apply_change(self, change: DesiredChange) -> None:
        """Takes up a new desired state, unless ``change`` is of one that is not known here."""
        if change.since not in {0, self._state.revision}:
            return
        kept = () if change.since == 0 else self._state.packages
        packages = {PackageName(each.asset_id, each.version): each for each in kept}
        for name in change.dropped:
            packages.pop(name, None)
        packages.update(
            (PackageName(each.asset_id, each.version), each) for each in change.packages
        )
        state = DesiredState(self._edge_id, change.revision, tuple(packages.values()))
        await self._adopt(state)
        try:
            await asyncio.to_thread(write_atomically, self._file, encode(state))
        except OSError as error:
            # It is asked for again after a restart; an edge with a full disk has to serve on.
            _log.warning("desired state not stored", reason=str(error))

    async def _adopt(self, state: DesiredState) -> None:
        self._state = state
        old = self._progress
        self._progress = {}
        for desired in state.packages:
            name = (desired.asset_id, desired.version)
            known = old.get(name)
            if known is None or known.desired.manifest_sha256 != desired.manifest_sha256:
                known = _Progress(desired)
                entry = self._obtain.held(desired.manifest_key, desired.manifest_sha256)
                if entry is not None:
                    with contextlib.suppress(NearcastError, OSError):
                        # What cannot be read is fetched again with the rest.
                        await self._read_manifest(known, entry)
            self._progress[name] = known
        for name, part in old.items():
            if part.manifest is not None and self._progress.get(name) is not part:
                self._changes.drop(part.name)
        for name, part in self._progress.items():
            if old.get(name) is not part:
                self._note(part)
        await self._pin()
        self._changed.set()

    async def _pin(self) -> None:
        """Keeps manifests and what they list from being evicted."""
        keys: list[str] = []
        for part in self._progress.values():
            keys.append(part.desired.manifest_key)
            keys += (item.key for item in part.manifest.objects) if part.manifest else ()
        try:
            await self._cache.pin(keys)
        except NearcastError as error:
            # With a full disk, what was pinned before stays pinned.
            _log.warning("pins not stored", reason=str(error))

    async def run(self) -> None:
        """Fills for ever."""
        pause = FIRST_PAUSE
        while True:
            self._changed.clear()
            if await self._fill_all():
                await self._changed.wait()
                pause = FIRST_PAUSE
                continue
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
                pause = FIRST_PAUSE
            except TimeoutError:
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _fill_all(self) -> bool:
        """Goes through the desired state once; False when something failed and is worth a retry."""
        complete = True
        for desired in package_order(self._state.packages):
            if self._changed.is_set():
                # A newer state may ask for something more urgent.
                return False
            part = self._progress[desired.asset_id, desired.version]
            try:
                if part.manifest is None:
                    await self._fetch_manifest(part)
                complete = await self._fill(part) and complete
            except (NearcastError, OSError) as error:
                _log.warning("fill failed", key=desired.manifest_key, reason=str(error))
                complete = False
        return complete

    async def _fetch_manifest(self, part: _Progress) -> None:
        desired = part.desired
        entry = await self._obtain.fetch(desired.manifest_key, desired.manifest_sha256)
        await self._read_manifest(part, entry)
        self._note(part)
        await self._pin()

    async def _read_manifest(self, part: _Progress, entry: Stored) -> None:
        if entry.size > LARGEST_MANIFEST:
            raise UpstreamBroke(key=part.desired.manifest_key, reason="the manifest is too large")
        body = b"".join([piece async for piece in self._cache.read(entry, 0, entry.size)])
        manifest = decode(body, PackageManifest)
        part.missing = {item.key: item for item in manifest.objects if not self._holds(item)}
        part.manifest = manifest

    def _holds(self, item: ManifestObject) -> bool:
        return self._obtain.held(item.key, item.sha256) is not None

    def _note(self, part: _Progress) -> None:
        """Has it told that more is held of a package, unless nobody asks for that any more."""
        wanted = self._progress.get((part.desired.asset_id, part.desired.version))
        if wanted is not part or part.manifest is None:
            return
        self._changes.hold(part.name)
        if not part.missing:
            self.completed()

    async def _fill(self, part: _Progress) -> bool:
        """Fetches what is missing of a package, a few objects at a time; whether all came."""
        waiting = iter(object_order(part.missing.values()))
        failures: list[NearcastError] = []

        async def work(items: Iterable[ManifestObject]) -> None:
            for item in items:
                if self._changed.is_set() or len(failures) > self._concurrency:
                    return
                try:
                    await self._obtain.fetch(item.key, item.sha256)
                except NearcastError as error:
                    failures.append(error)
                else:
                    part.missing.pop(item.key, None)
                    self._note(part)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(work(waiting))
        if failures:
            raise failures[0]
        return not part.missing


def _nobody_waits() -> None:
    pass
