"""Counts plays: how many viewers were sent to an edge, by asset.

The count is coarse. Players that begin again count again, and a control plane that is killed loses
what it counted in the last seconds.
"""

import asyncio
from collections import defaultdict
from itertools import islice
from typing import Final

from aiohttp import web

from common import logs
from common.errors import NearcastError
from control_plane.metadata.port import MetadataStore

WRITTEN_EVERY: Final = 2.0
"""Seconds."""
AT_ONCE: Final = 2000
"""Assets of one write."""
MOST_WAITING: Final = 100_000
"""Assets whose plays wait while the database is away; those of others are dropped."""
PLAY: Final = "/play/"

_log = logs.get(__name__)


class PlayCounts:
    """Counts what was redirected."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store
        self._waiting: dict[str, int] = defaultdict(int)

    async def count(self, request: web.Request, response: web.StreamResponse) -> None:
        """Notes an answer that is about to be sent, if it sends somebody to an edge."""
        if response.status == 302 and request.path.startswith(PLAY) and request.method == "GET":
            self.played(request.match_info["asset_id"])

    def played(self, asset_id: str) -> None:
        """Counts one."""
        if asset_id in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[asset_id] += 1

    async def run(self) -> None:
        """Writes them down, for ever."""
        told = False
        while True:
            await asyncio.sleep(WRITTEN_EVERY)
            try:
                await self.save()
                told = False
            except NearcastError as error:
                if not told:
                    _log.warning("plays are not written down", reason=str(error))
                told = True
            except Exception:
                # Whatever it was, it must not be the end of counting.
                _log.exception("plays could not be written down")

    async def save(self) -> None:
        """Writes down what was counted.

        Raises:
            Unavailable: the database does not answer; what it did not take is kept.
        """
        while batch := dict(islice(self._waiting.items(), AT_ONCE)):
            for asset_id in batch:
                del self._waiting[asset_id]
            try:
                await self._store.add_plays(batch)
            except BaseException:
                for asset_id, number in batch.items():
                    self._waiting[asset_id] += number
                raise
