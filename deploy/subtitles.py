"""Sends subtitles beside a video: read before the video goes, sent as soon as its job is known."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from common.errors import NearcastError
from deploy.client import PATIENCE, Answer, Api, NotReached
from ingest.subtitles.errors import SubtitlesEmpty, SubtitlesInvalid, SubtitlesTooLarge
from ingest.subtitles.parse import MOST_BYTES, parse_subtitles

LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
"""A tag of RFC 5646; ingest knows which there are."""

PAUSE: Final = 0.5
TIMES: Final = aiohttp.ClientTimeout(total=120)
PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same subtitles may still be taken."""


class SubtitlesMisnamed(NearcastError):
    """{told!r} names no subtitles: write LANGUAGE=FILE, such as en=film.srt."""


class SubtitlesUnfit(NearcastError):
    """{file}: {reason}"""


class SubtitlesNotSent(NearcastError):
    """The video is uploaded as job {job_id}, without its subtitles in {language}: {reason}."""


@dataclass(frozen=True)
class Subtitles:
    """A file that was found good."""

    language: str
    content: bytes


async def read_subtitles(told: Sequence[str]) -> tuple[Subtitles, ...]:
    """The files that are ``told`` as ``LANGUAGE=FILE``.

    Raises:
        OSError: one cannot be read.
        SubtitlesMisnamed: one is told in another way.
        SubtitlesUnfit: ingest would refuse one.
    """
    return await asyncio.to_thread(lambda: tuple(map(_read, told)))


def _read(told: str) -> Subtitles:
    language, _, name = told.partition("=")
    if not LANGUAGE.fullmatch(language) or not name:
        raise SubtitlesMisnamed(told=told)
    file = Path(name)
    with file.open("rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    try:
        if len(content) > MOST_BYTES:
            raise SubtitlesTooLarge(limit=MOST_BYTES)
        if not parse_subtitles(content):
            raise SubtitlesEmpty
    except SubtitlesInvalid as error:
        raise SubtitlesUnfit(file=file, reason=str(error)) from error
    return Subtitles(language, content)


async def send_subtitles(api: Api, job_id: str, subtitles: Sequence[Subtitles]) -> None:
    """Sends ``subtitles`` for a job whose video is uploaded.

    Raises:
        SubtitlesNotSent: one is refused, or the server stays away.
    """
    for one in subtitles:
        try:
            answer = await _send(api, job_id, one)
            answer.check()
        except NearcastError as error:
            reason = str(error).rstrip(".")
            raise SubtitlesNotSent(job_id=job_id, language=one.language, reason=reason) from error


async def _send(api: Api, job_id: str, one: Subtitles) -> Answer:
    path = f"/v1/jobs/{job_id}/subtitles/{one.language}"
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        patient = loop.time() - began < PATIENCE
        try:
            answer = await api.at_ingest("PUT", path, data=one.content, timeout=TIMES)
            if answer.status not in PASSING or not patient:
                return answer
        except NotReached:
            if not patient:
                raise
        await asyncio.sleep(PAUSE)
