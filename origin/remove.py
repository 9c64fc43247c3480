"""Deleting all objects of a version, with the proof that none is left."""

import asyncio
import contextlib
from typing import Final

from aiohttp import web

from common import logs
from common.clock import Clock
from common.messages import PrefixDeletion, encode
from common.messages.packages import manifest_key, version_prefix
from common.service import Gatekeeper, Role
from origin.store import ObjectStore, ObjectUnknown

AT_ONCE: Final = 16
"""Objects that are deleted at the same time."""
AT_A_TIME: Final = 1024
"""Keys that are kept in memory."""
LONGEST: Final = 10.0
"""Seconds after which an answer says that there is more to delete."""

_log = logs.get(__name__)


class Deletion:
    """Answers ``DELETE`` of ``/v/{asset}/{version}/`` for the control plane."""

    def __init__(self, store: ObjectStore, gatekeeper: Gatekeeper, clock: Clock) -> None:
        self._store = store
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
        asset, version = request.match_info["asset"], request.match_info["version"]
        async with self._turn:
            told = await self._delete_version(asset, version)
        if told.deleted:
            _log.info("deleted", prefix=told.prefix, objects=told.deleted, by=credential.name)
        return web.Response(body=encode(told), content_type="application/json")

    async def _delete_version(self, asset: str, version: str) -> PrefixDeletion:
        """Deletes for a while. The manifest goes first, as it says that the version is whole; and
        the listing that finds nothing comes after the last deletion, so it is the proof."""
        prefix, until = version_prefix(asset, version), self._clock.monotonic() + LONGEST
        deleted = await self._delete_one(manifest_key(asset, version))
        while keys := await self._listed(prefix):
            for start in range(0, len(keys), AT_ONCE):
                batch = keys[start : start + AT_ONCE]
                await asyncio.gather(*map(self._store.delete, batch))
                deleted += len(batch)
                if self._clock.monotonic() > until:
                    return PrefixDeletion(prefix, deleted, empty=False)
        return PrefixDeletion(prefix, deleted, empty=True)

    async def _delete_one(self, key: str) -> int:
        try:
            await self._store.head(key)
        except ObjectUnknown:
            return 0
        await self._store.delete(key)
        return 1

    async def _listed(self, prefix: str) -> list[str]:
        """The first keys under ``prefix``."""
        keys: list[str] = []
        async with contextlib.aclosing(self._store.list(prefix)) as found:
            async for listed in found:
                keys.append(listed.key)
                if len(keys) >= AT_A_TIME:
                    break
        return keys
