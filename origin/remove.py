"""Deleting all objects of a version in every store, with the proof that none is left.

A mark in each store comes first, so that none that copies from another brings the version back;
``origin.replicas.copying`` tells how that holds for copies under way.
"""

import asyncio
import contextlib
from typing import Final

from aiohttp import web

from common import logs
from common.clock import Clock
from common.errors import NearcastError, Unavailable
from common.messages import PrefixDeletion, encode
from common.service import Gatekeeper, Role
from origin.replicas.layout import VersionName
from origin.replicas.regions import Region, Regions
from origin.store import ObjectStore, ObjectUnknown, mark_removed

AT_ONCE: Final = 16
"""Objects that are deleted at the same time."""
AT_A_TIME: Final = 1024
"""Keys that are kept in memory."""
LONGEST: Final = 10.0
"""Seconds after which an answer says that there is more to delete."""
MARKED_WITHIN: Final = 10.0
"""Seconds that a store gets to take note of a removal."""
LOOK_AGAIN: Final = 0.2
"""Seconds between looks whether a copy under way has come to its end."""

_log = logs.get(__name__)


class CopyUnderWay(NearcastError):
    """What is removed is being copied into the store {store} by {copier}, which has to end first.

    One that was killed ends it when it is started again.
    """

    status = 503


class Deletion:
    """Answers ``DELETE`` of ``/v/{asset}/{version}/`` for the control plane."""

    def __init__(self, regions: Regions, gatekeeper: Gatekeeper, clock: Clock) -> None:
        self._regions = regions
        self._gatekeeper = gatekeeper
        self._clock = clock
        # One at a time, so that of two control planes each is told what it has had deleted.
        self._turn = asyncio.Lock()

    def add_routes(self, application: web.Application) -> None:
        """Adds it to ``application``."""
        name = "[A-Za-z0-9_-]{1,64}"
        application.router.add_delete(f"/v/{{asset:{name}}}/{{version:{name}}}/", self._delete)

    async def _delete(self, request: web.Request) -> web.Response:
        credential = self._gatekeeper.require(request, Role.CONTROL)
        name = VersionName(request.match_info["asset"], request.match_info["version"])
        async with self._turn:
            told = await self._delete_version(name)
        if told.deleted:
            _log.info("deleted", prefix=told.prefix, objects=told.deleted, by=credential.name)
        return web.Response(body=encode(told), content_type="application/json")

    async def _delete_version(self, name: VersionName) -> PrefixDeletion:
        """Deletes for a while, in every store that can be reached, even where another cannot.

        The manifest goes first, as it says that the version is whole; and the listing that finds
        nothing comes after the last deletion and the end of every copy, so it is the proof.

        Raises:
            Unavailable: a store cannot be reached.
            CopyUnderWay: a copy does not come to its end.
        """
        until = self._clock.monotonic() + LONGEST
        reached, failure = await self._marked(name)
        deleted = 0
        for region in reached:
            deleted += await _delete_one(region.store, name.manifest)
        while True:
            copied = await self._copied(name, reached)
            for region in reached:
                gone, empty = await delete_all(region.store, name.prefix, self._clock, until)
                deleted += gone
                if not empty:
                    return PrefixDeletion(name.prefix, deleted, empty=False)
            if failure is not None:
                raise failure
            if copied is None:
                return PrefixDeletion(name.prefix, deleted, empty=True)
            if self._clock.monotonic() > until:
                raise copied
            await asyncio.sleep(LOOK_AGAIN)

    async def _marked(self, name: VersionName) -> tuple[list[Region], NearcastError | None]:
        """The stores that have taken note, and the trouble of the first that has not."""
        reached: list[Region] = []
        failure: NearcastError | None = None
        for region in self._regions.all:
            if region.health.away:
                trouble = Unavailable(what=f"the store {region.name}", reason=region.health.reason)
                failure = failure or trouble
                continue
            try:
                await region.ask(mark_removed(region.store, *name), within=MARKED_WITHIN)
            except NearcastError as error:
                failure = failure or error
            else:
                reached.append(region)
        return reached, failure

    async def _copied(self, name: VersionName, reached: list[Region]) -> CopyUnderWay | None:
        for region in reached:
            for key in await _listed(region.store, name.copying()):
                return CopyUnderWay(store=region.name, copier=key.rpartition("/")[2])
        return None


async def delete_all(
    store: ObjectStore, prefix: str, clock: Clock, until: float
) -> tuple[int, bool]:
    """Deletes what is under ``prefix``, until ``until`` on the steady clock.

    Returns:
        How many objects there were, and whether a listing after that found nothing.
    """
    deleted = 0
    while keys := await _listed(store, prefix):
        for start in range(0, len(keys), AT_ONCE):
            batch = keys[start : start + AT_ONCE]
            await asyncio.gather(*map(store.delete, batch))
            deleted += len(batch)
            if clock.monotonic() > until:
                return deleted, False
    return deleted, True


async def _delete_one(store: ObjectStore, key: str) -> int:
    try:
        await store.head(key)
    except ObjectUnknown:
        return 0
    await store.delete(key)
    return 1


async def _listed(store: ObjectStore, prefix: str) -> list[str]:
    """The first keys under ``prefix``."""
    keys: list[str] = []
    async with contextlib.aclosing(store.list(prefix)) as found:
        async for listed in found:
            keys.append(listed.key)
            if len(keys) >= AT_A_TIME:
                break
    return keys
