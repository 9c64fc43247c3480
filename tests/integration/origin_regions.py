"""Origins of several regions, each in this process over real sockets, for tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from common.service import CredentialSettings, ListenSettings, Role
from origin import app
from origin.settings import ReplicationSettings, SourceSettings
from origin.store import StoreSettings
from tests.servers.processes import free_ports

TOKENS = {role: f"token-of-{role}-for-tests" for role in Role}
CREDENTIALS = tuple(
    CredentialSettings(name=role.value, token=token, roles=(role,))
    for role, token in TOKENS.items()
)
FAST = ReplicationSettings(look_every=0.1, survey_every=0.2, checks_per_second=1000)
"""Looks so often that a test need not wait."""
NEVER = ReplicationSettings(look_every=86400, survey_every=86400, checks_per_second=0.001)
"""Looks once, when it starts."""


def source(name: str, store: StoreSettings) -> SourceSettings:
    """A source called ``name``."""
    return SourceSettings(name=name, folder=store.folder, s3=store.s3)


def settings_of(
    region: str,
    store: StoreSettings,
    *sources: SourceSettings,
    replication: ReplicationSettings = FAST,
) -> app.Settings:
    """The settings of an origin."""
    (port,) = free_ports(1)
    return app.Settings(
        listen=ListenSettings(port=port),
        store=store,
        credentials=CREDENTIALS,
        region=region,
        sources=sources,
        replication=replication,
    )


@dataclass(frozen=True)
class OriginClient:
    """Asks an origin."""

    session: aiohttp.ClientSession

    async def get(self, path: str, **fields: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {TOKENS[Role.EDGE]}", **fields}
        async with self.session.get(path, headers=headers) as response:
            return response.status, await response.read()

    async def delete(self, path: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {TOKENS[Role.CONTROL]}"}
        async with self.session.delete(path, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def ready(self) -> tuple[int, dict[str, Any]]:
        status, body = await self.get("/readyz")
        return status, msgspec.json.decode(body)

    async def metric(self, name: str) -> float:
        """The value of the only, or the first, sample of that name and labels."""
        _, body = await self.get("/metrics")
        for line in body.decode().splitlines():
            if line.startswith(name):
                return float(line.rpartition(" ")[2])
        raise LookupError(name)


@contextlib.asynccontextmanager
async def running(settings: app.Settings) -> AsyncIterator[OriginClient]:
    """An origin, from when it answers."""
    stop = asyncio.Event()
    task = asyncio.create_task(app.main(settings, stop))
    url = f"http://127.0.0.1:{settings.listen.port}"
    async with aiohttp.ClientSession(url) as session:
        await answering(session, task)
        yield OriginClient(session)
    stop.set()
    await task


async def answering(session: aiohttp.ClientSession, task: asyncio.Task[None]) -> None:
    """Waits until the origin answers."""
    async with asyncio.timeout(20):
        while not task.done():
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get("/healthz"):
                    return
            await asyncio.sleep(0.01)
    await task


async def eventually(holds: Callable[[], Any], *, within: float = 30.0) -> None:
    """Waits until what ``holds`` answers, or its coroutine does, is true."""
    async with asyncio.timeout(within):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)
