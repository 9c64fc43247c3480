"""What is removed for good is gone from an edge: from every process, from memory and from disk."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from common.messages import OrderedRemoval
from edge.fill import removals
from edge.store.index import Index
from tests.integration.edge_service import (
    TOKEN,
    Control,
    Origin,
    edge,
    edge_settings,
    placed,
    publish,
    scripted,
    until,
)
from tests.integration.proxy_service import Viewer
from tests.integration.test_edge_filling import PACKAGE, whole
from tests.integration.test_edge_workers import EdgeProcess

REMOVAL = OrderedRemoval("r1", ("v/a/1",))
OTHER = {"main.m3u8": b"#EXTM3U\n", "x/00000.m4s": b"other" * 50_000}


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with scripted(Origin) as made:
        yield made


def edge_process(folder: Path, origin: Origin, control: Control, workers: int) -> EdgeProcess:
    return EdgeProcess(
        folder,
        origin.url,
        workers=workers,
        edge_id="eu-1",
        region="eu",
        url="http://127.0.0.1:1",
        heartbeat_interval=0.1,
        control={"url": control.url, "token": TOKEN},
        origin={"token": TOKEN},
    )


def stored(folder: Path, prefix: str) -> list[str]:
    """The keys under ``prefix`` in the index of an edge's cache folder."""
    index = Index(folder / "index")
    try:
        found = [record.key for _, record in index.records(b"", 10_000) if record is not None]
        return sorted(key for key in found if key.startswith(prefix))
    finally:
        asyncio.run(index.close())


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "objects").rglob("*") if path.is_file()]


async def statuses(viewer: Viewer, *, times: int = 1) -> set[int]:
    """What requests for all objects of version 1 come to, each on a connection of its own."""
    asked = [f"/v/a/1/{name}" for name in (*PACKAGE, "manifest.json")] * times
    return {(await viewer.get(path)).status for path in asked}


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_removed_version_is_gone_from_every_process_from_memory_and_from_disk(
    tmp_path: Path, origin: Origin, control: Control, workers: int
) -> None:
    control.want(publish(origin, "1", PACKAGE), publish(origin, "2", OTHER))
    process = edge_process(tmp_path, origin, control, workers)
    async with process.running():
        await until(lambda: whole(control, packages=2))
        # Each process has it hot in its own express lane.
        assert await statuses(process.viewer, times=12) == {200}
        control.packages = control.packages[1:]
        control.revision += 1
        control.remove(REMOVAL)
        await until(lambda: control.carried_out == {"r1"})
        assert len(files(tmp_path / "cache")) <= len(OTHER) + 1
        origin.asked.clear()

        # The origin still has all of it: what bars does not even ask.
        assert await statuses(process.viewer, times=12) <= {404, 410}
        assert origin.asked == []
        other = await process.viewer.get("/v/a/2/x/00000.m4s")
        assert (other.status, other.body) == (200, OTHER["x/00000.m4s"])
        assert "hit" in other.cache

    assert await asyncio.to_thread(stored, tmp_path / "cache", "v/a/1/") == []
    assert len(await asyncio.to_thread(stored, tmp_path / "cache", "v/a/2/")) == 3


async def test_an_edge_that_was_away_does_not_serve_what_was_removed_meanwhile(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings):
        await until(lambda: whole(control))
    control.want()
    control.remove(REMOVAL)

    async with edge(settings):
        # The first request that it can be asked.
        assert await statuses(Viewer(settings.listen.port)) == {410}
        await until(lambda: control.carried_out == {"r1"})
    assert await asyncio.to_thread(stored, tmp_path, "v/a/1/") == []


async def test_a_bar_holds_after_a_restart_without_a_control_plane(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings):
        await until(lambda: whole(control))
        control.remove(REMOVAL)
        await until(lambda: control.carried_out == {"r1"})
    control.status = 503

    async with edge(settings):
        assert await statuses(Viewer(settings.listen.port)) == {410}


async def test_an_edge_serves_on_when_it_starts_without_a_control_plane(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings):
        await until(lambda: whole(control))
    control.status = 503

    async with edge(settings):
        assert await statuses(Viewer(settings.listen.port)) == {200}


@asynccontextmanager
async def held_back(origin: Origin, path: str) -> AsyncIterator[asyncio.Event]:
    """An origin that sends the first half of an object, and the rest when the event is set."""
    go_on, body = asyncio.Event(), origin.objects[path]

    async def send(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers=origin.fields(body))
        answer.content_length = len(body)
        await answer.prepare(request)
        await answer.write(body[: len(body) // 2])
        await go_on.wait()
        with contextlib.suppress(ConnectionError):
            await answer.write(body[len(body) // 2 :])
        return answer

    origin.scripts[path] = send
    yield go_on
    go_on.set()


async def test_what_is_on_its_way_when_it_is_removed_is_not_kept(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    publish(origin, "1", PACKAGE)
    path = "/v/a/1/720p/c0/00003.m4s"
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings), held_back(origin, path) as go_on:
        viewer = Viewer(settings.listen.port)
        coming = asyncio.create_task(viewer.get(path))
        await until(lambda: path in origin.asked)
        control.remove(REMOVAL)
        await until(lambda: control.carried_out == {"r1"})
        joining = await viewer.get(path)
        go_on.set()
        await coming
        after = await viewer.get(path)

    assert (joining.status, after.status) == (410, 410)
    assert await asyncio.to_thread(stored, tmp_path, "v/a/1/") == []


async def test_a_fill_under_way_ends_when_its_version_is_removed(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with held_back(origin, "/v/a/1/720p/c0/00003.m4s"), edge(settings):
        await until(lambda: "/v/a/1/720p/c0/00003.m4s" in origin.asked)
        control.want(publish(origin, "2", OTHER))
        control.remove(REMOVAL)
        await until(lambda: control.carried_out == {"r1"})
    assert await asyncio.to_thread(stored, tmp_path, "v/a/1/") == []


async def test_a_bar_is_lifted_when_nobody_has_any_of_it_and_nothing_old_comes_back(
    tmp_path: Path, origin: Origin, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removals, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(removals, "LIFT_AFTER", 0.1)
    publish(origin, "1", PACKAGE)
    path = "/v/a/1/720p/c0/00003.m4s"
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings), held_back(origin, path) as go_on:
        viewer = Viewer(settings.listen.port)
        coming = asyncio.create_task(viewer.get(path))
        await until(lambda: path in origin.asked)
        control.remove(REMOVAL)
        await until(lambda: control.carried_out == {"r1"})
        control.remove()
        del origin.scripts[path], origin.objects[path]
        await eventually(functools.partial(viewer.get, path), 404)
        assert (await viewer.get("/v/a/1/main.m3u8")).status == 200
        go_on.set()
        await coming
        assert (await viewer.get(path)).status == 404
    assert await asyncio.to_thread(stored, tmp_path, "v/a/1/") == ["v/a/1/main.m3u8"]


async def eventually(ask: Any, status: int) -> None:
    """Asks until the status is that."""
    async with asyncio.timeout(30):
        while (await ask()).status != status:  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(0.02)


async def test_orders_of_a_control_plane_that_is_behind_lift_nothing(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    publish(origin, "1", PACKAGE)
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings):
        control.remove(REMOVAL)
        await until(lambda: control.carried_out == {"r1"})
        heard = len(control.heartbeats)
        control.remove()
        await until(lambda: len(control.heartbeats) > heard + 5)

        assert await statuses(Viewer(settings.listen.port)) == {410}


async def test_a_removal_is_told_again_to_who_asks_again(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    control.remove(REMOVAL)
    for _ in range(2):
        control.carried_out.clear()
        async with edge(settings):
            await until(lambda: control.carried_out == {"r1"})
