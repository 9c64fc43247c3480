"""A client of a running system's HTTP APIs, for the command line."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp

from common.errors import NearcastError
from common.messages import AssetView, JobView, decode
from common.service import new_client_session

T = TypeVar("T")

SLICE = 1024 * 1024
"""Bytes read and sent at once."""
PATIENCE = 30.0
"""Seconds that an API may stay away before a command that waits for it gives up."""


class Refused(NearcastError):
    """{detail}"""


class NotReached(NearcastError):
    """{url} does not answer ({reason}): is Nearcast running there?"""


class Api:
    """Calls ingest and the control plane with one token."""

    def __init__(self, session: aiohttp.ClientSession, *, ingest: str, control: str) -> None:
        self._session = session
        self._ingest = ingest.rstrip("/")
        self._control = control.rstrip("/")

    @classmethod
    async def open(cls, *, ingest: str, control: str, token: str, ca: Path | None) -> "Api":
        """An API client; whoever opens it closes it."""
        session = await new_client_session(ca, token=token)
        return cls(session, ingest=ingest, control=control)

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def upload(self, file: Path, title: str, on_sent: Callable[[int], None]) -> JobView:
        """Uploads ``file``.

        Args:
            file: the video.
            title: its title.
            on_sent: told the number of bytes sent so far.

        Raises:
            Refused: the server refuses it.
            NotReached: the server does not answer.
        """
        size = (await asyncio.to_thread(file.stat)).st_size
        return await self._call(
            "PUT",
            f"{self._ingest}/v1/videos",
            JobView,
            params={"title": title, "filename": file.name},
            headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
            data=_slices(file, on_sent),
            # A refusal arrives before the bytes leave.
            expect100=True,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=120),
        )

    async def job(self, job_id: str) -> JobView:
        """The job ``job_id``.

        Raises:
            Refused: there is none.
            NotReached: ingest does not answer.
        """
        return await self._call("GET", f"{self._ingest}/v1/jobs/{job_id}", JobView)

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

    async def _call(self, method: str, url: str, kind: type[T], **options: object) -> T:
        try:
            async with self._session.request(method, url, **options) as response:  # type: ignore[arg-type]  # aiohttp types each option on its own
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReached(url=url, reason=str(error) or type(error).__name__) from error
        if response.status >= 400:
            raise Refused(detail=_detail(body, response.status), status=response.status)
        return decode(body, kind)


async def _slices(file: Path, on_sent: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    handle = await asyncio.to_thread(file.open, "rb")
    try:
        while data := await asyncio.to_thread(handle.read, SLICE):
            yield data
            sent += len(data)
            on_sent(sent)
    finally:
        await asyncio.to_thread(handle.close)


def _detail(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {status}"
