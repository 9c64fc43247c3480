"""Deleting a version at the origin, on a folder and in a real S3 bucket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from common.service import CredentialSettings, ListenSettings, Role
from origin import app, remove
from origin.store import REMOVED, ObjectStore, StoreSettings, open_store
from tests.contract.test_object_store import fresh_bucket
from tests.servers.processes import free_ports

TOKENS = {role: f"token-of-{role}-for-tests" for role in Role}
OBJECTS = ("v/a/1/manifest.json", "v/a/1/main.m3u8", "v/a/1/x/init.mp4", "v/a/1/x/00001.m4s")
OTHERS = ("v/a/10/main.m3u8", "v/a/2/main.m3u8", "v/b/1/main.m3u8", "uploads/a/1")


@dataclass(frozen=True)
class Origin:
    """A running origin and its store."""

    session: aiohttp.ClientSession
    store: ObjectStore

    async def delete(
        self, path: str = "/v/a/1/", role: Role | None = Role.CONTROL
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
        async with self.session.delete(path, headers=headers) as response:
            return response.status, await response.json()

    async def put(self, *keys: str) -> None:
        for key in keys:
            await self.store.put(key, pieces(), content_type="video/mp4")

    async def keys(self) -> set[str]:
        """What is there but for the marks of what was removed."""
        listed = {each.key async for each in self.store.list("")}
        return {key for key in listed if not key.startswith(REMOVED)}


async def pieces() -> AsyncIterator[bytes]:
    yield b"bytes"


async def listening(session: aiohttp.ClientSession) -> None:
    """Waits until the origin answers."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get("/healthz"):
                    return
            await asyncio.sleep(0.01)


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    if request.param == "folder":
        return StoreSettings(folder=tmp_path / "objects")
    return StoreSettings(s3=fresh_bucket(request.getfixturevalue("s3_server")))


@pytest.fixture
async def origin(settings: StoreSettings) -> AsyncIterator[Origin]:
    (port,) = free_ports(1)
    given = app.Settings(
        listen=ListenSettings(port=port),
        store=settings,
        credentials=tuple(
            CredentialSettings(name=role.value, token=token, roles=(role,))
            for role, token in TOKENS.items()
        ),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(app.main(given, stop))
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        store = await stack.enter_async_context(open_store(settings))
        await listening(session)
        yield Origin(session, store)
    stop.set()
    await running


async def test_a_version_is_deleted_whole_and_nothing_beside_it(origin: Origin) -> None:
    await origin.put(*OBJECTS, *OTHERS)

    told = {"prefix": "v/a/1/", "deleted": 4, "empty": True}
    assert await origin.delete() == (200, told)
    assert await origin.keys() == set(OTHERS)


async def test_deleting_twice_and_what_was_never_there_is_fine(origin: Origin) -> None:
    await origin.put(*OBJECTS)
    await origin.delete()

    nothing = {"prefix": "v/a/1/", "deleted": 0, "empty": True}
    assert await origin.delete() == (200, nothing)
    assert await origin.delete("/v/never/1/") == (200, {**nothing, "prefix": "v/never/1/"})


async def test_nothing_of_a_deleted_object_stays_in_the_folder(
    origin: Origin, settings: StoreSettings
) -> None:
    await origin.put(*OBJECTS)
    await origin.delete()

    if settings.folder is not None:
        left = await asyncio.to_thread(lambda: [*settings.folder.glob("v/**/*")])  # type: ignore[union-attr]  # asked just before
        assert left == []


async def test_an_answer_that_would_take_long_says_that_there_is_more(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remove, "LONGEST", 0.0)
    monkeypatch.setattr(remove, "AT_ONCE", 2)
    monkeypatch.setattr(remove, "AT_A_TIME", 3)
    await origin.put(*OBJECTS)

    told = [(await origin.delete())[1] for _ in range(3)]
    assert [(each["deleted"], each["empty"]) for each in told] == [
        (3, False),
        (1, False),
        (0, True),
    ]
    assert await origin.keys() == set()


async def test_the_manifest_goes_first(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remove, "LONGEST", 0.0)
    monkeypatch.setattr(remove, "AT_ONCE", 1)
    await origin.put(*OBJECTS)
    await origin.delete()

    assert "v/a/1/manifest.json" not in await origin.keys()
    assert len(await origin.keys()) == 2


async def test_two_that_delete_at_once_do_not_disturb_each_other(origin: Origin) -> None:
    await origin.put(*(f"v/a/1/{number:03}.m4s" for number in range(100)), *OTHERS)

    answers = await asyncio.gather(origin.delete(), origin.delete())
    assert [(status, told["empty"]) for status, told in answers] == [(200, True)] * 2
    assert sum(told["deleted"] for _, told in answers) == 100
    assert await origin.keys() == set(OTHERS)


@pytest.mark.parametrize("role", [None, Role.EDGE, Role.PUBLISHER, Role.INGEST])
async def test_only_the_control_plane_and_operators_delete(
    origin: Origin, role: Role | None
) -> None:
    await origin.put(*OBJECTS)

    status, _ = await origin.delete(role=role)
    assert status == (403 if role else 401)
    assert await origin.keys() == set(OBJECTS)
    assert (await origin.delete(role=Role.OPERATOR))[0] == 200


@pytest.mark.parametrize(
    "path", ["/v/a/1", "/v/a/", "/v/a/1/x/", "/v/a/../1/", "/v/a/%2e%2e/", "/"]
)
async def test_only_whole_versions_are_deleted(origin: Origin, path: str) -> None:
    await origin.put(*OBJECTS)

    headers = {"Authorization": f"Bearer {TOKENS[Role.OPERATOR]}"}
    async with origin.session.delete(URL(path, encoded=True), headers=headers) as response:
        assert response.status in {404, 405}
    assert await origin.keys() == set(OBJECTS)
