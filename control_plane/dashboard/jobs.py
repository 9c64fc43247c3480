"""The jobs that the page shows: asked of ingest, and never waited for long."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from common.clock import Clock
from common.errors import NearcastError
from common.messages import JobState, JobView, MessageInvalid, decode

ANSWER_WITHIN = 1.0
"""Seconds that ingest gets to answer."""
SHARED_FOR = 1.0
"""Seconds that both answers, or that there was none, are good for all who look at the page."""
READ = 100
"""Jobs that are asked for: so many of the newest, and so many of those that are held."""
SHOWN = 20
"""Lines for them on the page, unless more are held or not at an end."""
LONGEST_ANSWER = 8 * 1024 * 1024
"""Bytes that are read of each of ingest's answers."""


class JobsNotRead(NearcastError):
    """Ingest does not tell its jobs: {reason}."""

    status = 502


@dataclass(frozen=True)
class ShownJobs:
    """What of the jobs the page shows, each newest first."""

    held: tuple[JobView, ...] = ()
    """Those that wait for an operator's decision, but no more than fit."""
    held_count: int = 0
    """How many wait, as far as was read."""
    more_held: bool = False
    """Whether there may be more."""
    others: tuple[JobView, ...] = ()
    """All that go on, and the newest that ended."""


def shown(jobs: Sequence[JobView]) -> ShownJobs:
    """``jobs`` (newest first) as the page shows them."""
    held = tuple(job for job in jobs if job.state is JobState.REVIEW)
    others = [job for job in jobs if job.state is not JobState.REVIEW]
    room = SHOWN - sum(1 for job in others if not job.state.final)
    ended = [job for job in others if job.state.final][: max(room, 0)]
    going_on = tuple(job for job in others if not job.state.final or job in ended)
    return ShownJobs(held[:SHOWN], len(held), len(held) >= READ, going_on)


class IngestJobs:
    """Reads jobs from ingest, for all who look at the page at the same time."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Clock) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/v1/jobs"
        self._clock = clock
        self._asking = asyncio.Lock()
        self._told: list[JobView] | JobsNotRead = []
        self._told_at = -math.inf

    async def recent(self) -> list[JobView]:
        """The newest jobs and those that are held, however old, newest first.

        Raises:
            JobsNotRead: ingest does not answer as it should.
        """
        async with self._asking:
            if self._clock.monotonic() - self._told_at >= SHARED_FOR:
                try:
                    self._told = await self._ask()
                except JobsNotRead as error:
                    self._told = error
                self._told_at = self._clock.monotonic()
        if isinstance(self._told, JobsNotRead):
            raise JobsNotRead(**self._told.facts)
        return self._told

    async def _ask(self) -> list[JobView]:
        newest, held = await asyncio.gather(
            self._answer({"limit": READ}),
            self._answer({"limit": READ, "state": JobState.REVIEW.value}),
        )
        # A job that moves meanwhile is in both answers: what it is now is the later of the two.
        jobs: dict[str, JobView] = {}
        for job in (*newest, *held):
            if job.job_id not in jobs or jobs[job.job_id].updated_at <= job.updated_at:
                jobs[job.job_id] = job
        return sorted(jobs.values(), key=lambda job: job.job_id, reverse=True)

    async def _answer(self, asked: dict[str, str | int]) -> list[JobView]:
        patience = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        try:
            async with self._session.get(
                self._url, params=asked, timeout=patience, allow_redirects=False
            ) as response:
                body = await response.content.read(LONGEST_ANSWER)
                while response.status == 200 and not response.content.at_eof():
                    body += await response.content.read(LONGEST_ANSWER)
                    if len(body) > LONGEST_ANSWER:
                        raise JobsNotRead(reason="its answer is too long")
            if response.status != 200:
                raise JobsNotRead(reason=f"it answers {response.status}")
            return decode(body, list[JobView])
        except (aiohttp.ClientError, TimeoutError, OSError, MessageInvalid) as error:
            raise JobsNotRead(reason=str(error) or type(error).__name__) from error
