"""Keeps a snapshot of what a control plane knows, and goes on from it after a restart."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from control_plane.documents import Folder
from control_plane.fleet import Fleet
from control_plane.keeping import Keeper
from control_plane.library import Library
from control_plane.planning import Placements
from control_plane.snapshot import Snapshot, SnapshotUnusable
from control_plane.standing import Standings

LOOK_EVERY: Final = 5.0
"""Seconds between looks whether there is something new."""
SHARE_OF_TIME: Final = 20
"""A snapshot that takes a second is saved at most every so many."""

_log = logs.get(__name__)


class Snapshots:
    """The snapshot in one file."""

    def __init__(
        self,
        path: Path,
        library: Library,
        fleet: Fleet,
        standings: Standings,
        placements: Placements,
        clock: Clock,
        folders: Sequence[Folder[Any]] = (),
    ) -> None:
        self._path = path
        self._library = library
        self._fleet = fleet
        self._standings = standings
        self._placements = placements
        self._clock = clock
        self._folders = folders
        self._saved: object = None

    async def restore(self) -> bool:
        """Goes on from what was known when the last snapshot was taken; whether there is one."""
        try:
            snapshot = await asyncio.to_thread(Snapshot.load, self._path)
        except SnapshotUnusable as error:
            _log.warning("there is nothing to go on from", reason=str(error))
            return False
        self._library.restore(snapshot.packages, snapshot.pins, snapshot.tombstones)
        self._fleet.restore(snapshot.edges)
        self._standings.restore(snapshot.standings)
        self._placements.take(snapshot.placements)
        for folder in self._folders:
            await folder.restore(snapshot.documents)
        self._saved = self._content()
        _log.warning(
            "going on from the snapshot",
            assets=len(self._library.history.assets),
            edges=len(snapshot.edges),
        )
        return True

    async def run(self, keeper: Keeper) -> None:
        """Saves what is new, for ever, while what ``keeper`` keeps is fresh."""
        pause, failed = LOOK_EVERY, False
        while True:
            await asyncio.sleep(pause)
            if keeper.away or self._content() == self._saved:
                pause = LOOK_EVERY
                continue
            began = self._clock.monotonic()
            try:
                await self.save()
            except NearcastError as error:
                if not failed:
                    _log.warning("no snapshot is saved", reason=str(error))
                failed = True
            else:
                failed = False
            pause = max(LOOK_EVERY, SHARE_OF_TIME * (self._clock.monotonic() - began))

    async def save(self) -> None:
        """Saves what is known now.

        Raises:
            SnapshotUnusable: the file cannot be written.
        """
        content = self._content()
        snapshot = Snapshot(
            *self._library.history.records(),
            edges=tuple(self._fleet.edges()),
            standings=tuple(self._standings.known.values()),
            placements=tuple(self._placements.rows().values()),
            documents=tuple(each for folder in self._folders for each in folder.known.values()),
        )
        await asyncio.to_thread(snapshot.save, self._path)
        self._saved = content

    def _content(self) -> object:
        """Differs when there is something else to save; that edges live is nothing new."""
        edges = [(each.edge_id, each.region, each.heartbeat.url) for each in self._fleet.edges()]
        standings = sorted(self._standings.known.items())
        documents = [
            (each.family, name, each.revision)
            for folder in self._folders
            for name, each in sorted(folder.known.items())
        ]
        return self._library.history.counts, self._placements.head, edges, standings, documents
