"""``GET /v1/jobs/{id}/watch/{path}``: a video for operators, before anybody else can have it."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from common.clock import Clock
from common.errors import NearcastError
from common.messages import JobState, decode
from common.messages.packages import manifest_key, version_prefix
from common.service import Gatekeeper, Role
from ingest.api.jobs import JobUnknown
from ingest.jobs.model import Job
from ingest.jobs.store import JobStore
from ingest.package import POSTER_NAME
from origin.store import ObjectStore, ObjectUnknown
from origin.store.serving import Serving

WATCHABLE: Final = frozenset({JobState.REVIEW, JobState.PUBLISHING, JobState.DONE})
"""The states of a job whose package is whole."""

REMEMBERED: Final = 4
"""Manifests of which the keys are kept: those of a film are a few megabytes."""
LARGEST_MANIFEST: Final = 64 * 1024 * 1024
"""Bytes."""
LONGEST_TOLD: Final = 200
"""Characters of a path that a refusal repeats."""


class NothingToWatch(NearcastError):
    """There is nothing to watch of this job: it is {state}."""

    status = 409


class ManifestTooLarge(NearcastError):
    """The manifest {key!r} has {size} bytes, which is more than is read."""

    status = 502


class WatchApi:
    """Serves what a job has packaged, published or not."""

    def __init__(
        self, gatekeeper: Gatekeeper, jobs: JobStore, objects: ObjectStore, clock: Clock
    ) -> None:
        self._gatekeeper = gatekeeper
        self._jobs = jobs
        self._objects = objects
        self._clock = clock
        # It may be deleted at any moment: nobody keeps it.
        self._serving = Serving(objects, cache_control="no-store")
        self._keys: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._reading = asyncio.Lock()

    def add_routes(self, application: web.Application) -> None:
        """Adds the route to ``application``."""
        application.router.add_get("/v1/jobs/{job_id}/watch/{path:.*}", self.watch)

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """An object of the job's package, by its key below the version's prefix; and its poster.

        Raises:
            JobUnknown: there is no such job.
            NothingToWatch: it is not packaged yet, or on its way to being deleted.
            ObjectUnknown: the package has no such object.
        """
        self._gatekeeper.require(request, Role.OPERATOR)
        job_id = request.match_info["job_id"]
        job = await self._jobs.job(job_id)
        if job is None:
            raise JobUnknown(job_id=job_id[:64])
        if job.state not in WATCHABLE or job.ending:
            state = "ending" if job.ending and not job.state.final else job.state.value
            raise NothingToWatch(state=state)
        # As it was sent: whatever had to be encoded or leaves its folder is no key.
        path = request.rel_url.raw_path.partition("/watch/")[2]
        key = (await self._package(job)).get(version_prefix(job.asset_id, job.version) + path)
        if key is None:
            raise ObjectUnknown(key=path[:LONGEST_TOLD])
        return await self._serving.serve(request, await self._objects.head(key), self._clock.now())

    async def _package(self, job: Job) -> Mapping[str, str]:
        """The objects of the job's package, which never change: see ``_keys_of``."""
        manifest = manifest_key(job.asset_id, job.version)
        # One at a time: a player asks for several objects of a package at once.
        async with self._reading:
            if manifest not in self._keys:
                self._keys[manifest] = await self._read(manifest)
                if len(self._keys) > REMEMBERED:
                    self._keys.popitem(last=False)
            self._keys.move_to_end(manifest)
            return self._keys[manifest]

    async def _read(self, manifest: str) -> Mapping[str, str]:
        size = (await self._objects.head(manifest)).size
        if size > LARGEST_MANIFEST:
            raise ManifestTooLarge(key=manifest, size=size)
        async with contextlib.aclosing(self._objects.read(manifest, 0, size)) as pieces:
            body = b"".join([piece async for piece in pieces])
        return _keys_of(body)


class _Listed(msgspec.Struct):
    key: str


class _Manifest(msgspec.Struct):
    """What of a ``PackageManifest`` is needed: all of a film's would hold up the event loop."""

    asset_id: str
    version: str
    poster: str | None
    objects: list[_Listed]


def _keys_of(body: bytes) -> Mapping[str, str]:
    """The keys that may be asked for, and the keys of the objects that they stand for.

    These are the same but for the poster's, which nobody knows who has not read the manifest.
    """
    manifest = decode(body, _Manifest)
    keys = {listed.key: listed.key for listed in manifest.objects}
    if manifest.poster is not None:
        keys[version_prefix(manifest.asset_id, manifest.version) + POSTER_NAME] = manifest.poster
    return keys
