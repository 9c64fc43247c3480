"""A client of a running system's HTTP APIs, for the command line."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp

from common.errors import NearcastError
from common.messages import AssetView, JobView, decode
from common.service import new_client_session

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that an API may stay away before a command that waits for it gives up."""


class Refused(NearcastError):
    """{detail}"""


class NotReached(NearcastError):
    """{url} does not answer ({reason}): is Nearcast running there?"""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def check(self) -> None:
        """Does nothing when it is a success.

        Raises:
            Refused: it is none.
        """
        if self.status >= 400:
            raise Refused(detail=_detail(self.body, self.status), status=self.status)


class Api:
    """Calls ingest and the control plane with one token."""

    def __init__(self, session: aiohttp.ClientSession, *, ingest: str, control: str) -> None:
        self._session = session
        self.ingest = ingest.rstrip("/")
        self._control = control.rstrip("/")

    @classmethod
    async def open(cls, *, ingest: str, control: str, token: str, ca: Path | None) -> "Api":
        """An API client; whoever opens it closes it."""
        session = await new_client_session(ca, token=token)
        return cls(session, ingest=ingest, control=control)

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def job(self, job_id: str) -> JobView:
        """The job ``job_id``.

        Raises:
            Refused: there is none.
            NotReached: ingest does not answer.
        """
        return await self._call("GET", f"{self.ingest}/v1/jobs/{job_id}", JobView)

    async def asset(self, asset_id: str) -> AssetView:
        """The asset ``asset_id``.

        Raises:
            Refused: there is none.
            NotReached: the control plane does not answer.
        """
        return await self._call("GET", f"{self._control}/v1/assets/{asset_id}", AssetView)

    async def follow(self, job_id: str, *, every: float = 0.25) -> AsyncIterator[JobView]:
        """The job each time it is asked for, until it is final; short absences are bridged.

        Raises:
            Refused: there is no such job.
            NotReached: ingest stays away.
        """
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while True:
            try:
                view = await self.job(job_id)
            except NotReached:
                if loop.time() - heard > PATIENCE:
                    raise
            else:
                heard = loop.time()
                yield view
                if view.state.final:
                    return
            await asyncio.sleep(every)

    async def at_ingest(self, method: str, path: str, **options: object) -> Answer:
        """What ingest answers, whatever it is; ``options`` are those of aiohttp.

        Raises:
            NotReached: it does not answer.
        """
        return await self._exchange(method, f"{self.ingest}{path}", **options)

    async def _call(self, method: str, url: str, kind: type[T]) -> T:
        answer = await self._exchange(method, url)
        answer.check()
        return decode(answer.body, kind)

    async def _exchange(self, method: str, url: str, **options: object) -> Answer:
        try:
            async with self._session.request(method, url, **options) as response:  # type: ignore[arg-type]  # aiohttp types each option on its own
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReached(url=url, reason=str(error) or type(error).__name__) from error


def _detail(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {status}"
