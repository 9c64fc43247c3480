"""``PUT`` and ``DELETE /v1/jobs/{id}/subtitles/{language}``: subtitles beside an uploaded file.

What is answered with 201 is in the last version that the job publishes: the cues are durable, then
the job's record names them, and it is refused where the job is packaged already.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from common.clock import Clock
from common.errors import BadRequest, NearcastError
from common.messages import encode
from common.service import Gatekeeper, Role, problem_response
from ingest.api.jobs import JobUnknown
from ingest.jobs.model import Job, Sidecar
from ingest.jobs.requests import (
    JobEnded,
    JobSettled,
    SubtitlesTooMany,
    require_unsettled,
    with_sidecar,
    without_sidecar,
)
from ingest.jobs.store import JobStore
from ingest.jobs.view import subtitles_view
from ingest.plan.languages import name_of, tag_of
from ingest.subtitles.cues import Cue
from ingest.subtitles.errors import LanguageUnknown, SubtitlesEmpty, SubtitlesTooLarge
from ingest.subtitles.parse import MOST_BYTES, parse_subtitles
from ingest.subtitles.sidecars import sidecar_key
from ingest.upload.body import Body
from ingest.upload.request import plain_text
from origin.store import ObjectStore, put_bytes

LABEL_LENGTH: Final = 100
READ_AT_ONCE: Final = 2
"""Subtitles that are read at the same time: each takes a second of a processor at most."""
FLAGS: Final = {"true": True, "false": False}
RANDOM_BYTES: Final = 8


class SubtitlesApi:
    """Takes subtitles in."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        jobs: JobStore,
        objects: ObjectStore,
        clock: Clock,
        *,
        stall_timeout: float,
    ) -> None:
        """``stall_timeout`` is how many seconds a body may pause."""
        self._gatekeeper = gatekeeper
        self._jobs = jobs
        self._objects = objects
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._room = asyncio.Semaphore(READ_AT_ONCE)

    def add_routes(self, application: web.Application) -> None:
        """Adds the routes of subtitles to ``application``."""
        path = "/v1/jobs/{job_id}/subtitles/{language}"
        application.router.add_put(path, self.put)
        application.router.add_delete(path, self.delete)

    async def put(self, request: web.Request) -> web.Response:
        """201 when the subtitles are durable and part of what the job will publish."""
        try:
            sidecar = await self._received(request)
        except NearcastError as error:
            response = problem_response(error)
            # The rest of the body is not wanted, and cannot be told from a next request.
            response.force_close()
            return response
        return web.Response(
            status=201,
            body=encode(subtitles_view(sidecar)),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    async def delete(self, request: web.Request) -> web.Response:
        """204 when the job has no subtitles in that language any more."""
        job = await self._job(request)
        language = _language(request)
        await self._change(job, lambda job: without_sidecar(job, language, self._clock.now()))
        return web.Response(status=204, headers={"Cache-Control": "no-store"})

    async def _received(self, request: web.Request) -> Sidecar:
        job = await self._job(request)
        require_unsettled(job)
        described = _described(_language(request), request.query)
        cues = await self._cues(request)
        sidecar = Sidecar(part=os.urandom(RANDOM_BYTES).hex(), cue_count=len(cues), **described)
        key = sidecar_key(job.job_id, sidecar.part)
        await put_bytes(self._objects, key, encode(cues), content_type="application/json")
        try:
            await self._change(job, lambda job: with_sidecar(job, sidecar, self._clock.now()))
        except (JobEnded, JobSettled, SubtitlesTooMany):
            # Where the database does not answer, the record may name it; then cleaning deletes it.
            await self._forget(job.job_id, sidecar)
            raise
        return sidecar

    async def _cues(self, request: web.Request) -> tuple[Cue, ...]:
        body = Body(
            request.content,
            room=MOST_BYTES,
            too_large=lambda: SubtitlesTooLarge(limit=MOST_BYTES),
            expected=request.content_length,
            stall_timeout=self._stall_timeout,
            observe=lambda _: None,
        )
        if (request.content_length or 0) > MOST_BYTES:
            raise SubtitlesTooLarge(limit=MOST_BYTES)
        data = b"".join([piece async for piece in body.everything()])
        async with self._room:
            cues = await asyncio.to_thread(parse_subtitles, data)
        if not cues:
            raise SubtitlesEmpty
        return cues

    async def _change(self, job: Job, change: Callable[[Job], Job]) -> None:
        """Writes the changed record; then what it does not name any more goes."""
        while not await self._jobs.swap_job(job, changed := change(job)):
            job = await self._existing(job.job_id)
        named = {one.part for one in changed.sidecars}
        for one in job.sidecars:
            if one.part not in named:
                await self._forget(job.job_id, one)

    async def _forget(self, job_id: str, sidecar: Sidecar) -> None:
        """Deletes the cues of ``sidecar``, which no record names; else cleaning will."""
        with contextlib.suppress(NearcastError):
            await self._objects.delete(sidecar_key(job_id, sidecar.part))

    async def _job(self, request: web.Request) -> Job:
        credential = self._gatekeeper.require(request, Role.PUBLISHER)
        job = await self._existing(request.match_info["job_id"])
        if job.owner != credential.name and not credential.may(Role.OPERATOR):
            raise JobUnknown(job_id=job.job_id)
        return job

    async def _existing(self, job_id: str) -> Job:
        job = await self._jobs.job(job_id)
        if job is None:
            raise JobUnknown(job_id=job_id[:64])
        return job


def _language(request: web.Request) -> str:
    told = request.match_info["language"]
    language = tag_of(told)
    if language is None:
        raise LanguageUnknown(language=told[:64])
    return language


def _described(language: str, query: Mapping[str, str]) -> dict[str, Any]:
    label = query.get("label")
    return {
        "language": language,
        "label": name_of(language) if label is None else plain_text(label, "label", LABEL_LENGTH),
        "default": _flag(query, "default"),
        "forced": _flag(query, "forced"),
        "hearing_impaired": _flag(query, "hearing_impaired"),
    }


def _flag(query: Mapping[str, str], name: str) -> bool:
    told = query.get(name, "false")
    if told not in FLAGS:
        raise BadRequest(detail=f"The parameter {name} must be true or false.")
    return FLAGS[told]
