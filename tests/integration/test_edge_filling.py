"""How an edge fills itself, what it reports, and what it keeps through crashes and outages."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import tomli_w
from aiohttp import web

from common.service import PeerSettings
from common.settings import ByteSize
from tests.integration.edge_service import (
    OPERATOR,
    TOKEN,
    Control,
    Origin,
    admin_port,
    edge,
    edge_settings,
    placed,
    publish,
    scripted,
    until,
)
from tests.servers.processes import free_ports, wait_until_open

PACKAGE = {
    "main.m3u8": b"#EXTM3U\n",
    "720p/playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n",
    "720p/c0/init.mp4": b"init" * 100,
    **{f"720p/c0/{number:05}.m4s": bytes([number]) * 200_000 for number in range(8)},
}


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with scripted(Origin) as made:
        yield made


def whole(control: Control, packages: int = 1) -> bool:
    held = control.holdings.packages if control.holdings else ()
    return len(held) == packages and all(package.complete for package in held)


async def test_an_edge_fills_itself_with_what_placement_asks_for(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))) as viewer:
        await until(lambda: whole(control))
        asked = len(origin.asked)
        for name, body in PACKAGE.items():
            async with viewer.get(f"/v/a/1/{name}") as response:
                assert response.headers["Cache-Status"].startswith("nearcast-eu-1; hit")
                assert await response.read() == body

    assert len(origin.asked) == asked == len(PACKAGE) + 1


async def test_playlists_and_init_segments_come_before_media(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    settings = edge_settings(tmp_path, origin.url, fill_concurrency=1, **placed(control))
    async with edge(settings):
        await until(lambda: whole(control))

    order = [path.rsplit(".", 1)[1] for path in origin.asked]
    assert order == ["json", "m3u8", "m3u8", "mp4", *["m4s"] * 8]


async def test_heartbeats_tell_what_the_edge_is_and_has(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings):
        await until(lambda: whole(control))
        await until(lambda: control.heartbeats[-1].fill_pending == 0)
    beat = control.heartbeats[-2]

    assert (beat.edge_id, beat.region, beat.url) == ("eu-1", "eu", settings.url)
    assert beat.desired_revision == control.revision
    assert beat.used_bytes >= sum(map(len, PACKAGE.values()))
    sequences = [each.sequence for each in control.heartbeats]
    assert sequences == sorted(set(sequences))


async def test_the_last_heartbeat_says_that_the_edge_leaves(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: bool(control.heartbeats))
        assert control.heartbeats[-1].ready

    assert not control.heartbeats[-1].ready


async def test_an_object_that_is_not_what_its_manifest_says_is_never_held(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    # The origin's own digest fits its bytes; they are just not those that were published.
    origin.objects["/v/a/1/720p/c0/00003.m4s"] = b"forged" * 1000
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: origin.count("/v/a/1/720p/c0/00003.m4s") >= 2)
        assert control.holdings is not None
        held = control.holdings.packages[0]
        assert held.objects_held == held.objects_total - 1

        origin.objects["/v/a/1/720p/c0/00003.m4s"] = PACKAGE["720p/c0/00003.m4s"]
        await until(lambda: whole(control))


async def test_a_forged_manifest_is_not_believed(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    origin.objects["/v/a/1/manifest.json"] += b" "
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: origin.count("/v/a/1/manifest.json") >= 2)

    assert origin.count("/v/a/1/main.m3u8") == 0


async def test_demand_and_fill_share_one_request(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    go = asyncio.Event()
    body = PACKAGE["main.m3u8"]

    async def slow(_: web.Request) -> web.Response:
        await go.wait()
        return web.Response(body=body, headers=origin.fields(body))

    control.want(publish(origin, "1", PACKAGE))
    origin.scripts["/v/a/1/main.m3u8"] = slow
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))) as viewer:
        await until(lambda: origin.count("/v/a/1/main.m3u8") == 1)
        waiting = asyncio.create_task(viewer.get("/v/a/1/main.m3u8").__aenter__())
        await asyncio.sleep(0.1)
        go.set()
        async with await waiting as response:
            assert await response.read() == body
        await until(lambda: whole(control))

    assert origin.count("/v/a/1/main.m3u8") == 1


async def test_after_a_restart_without_control_plane_and_origin_all_is_served(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: whole(control))

    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    settings = edge_settings(
        tmp_path, nobody, control=PeerSettings(url=nobody, token=TOKEN), disk=ByteSize(1_700_000)
    )
    async with edge(settings) as viewer:
        for name, body in PACKAGE.items():
            async with viewer.get(f"/v/a/1/{name}") as response:
                assert response.status == 200
                assert await response.read() == body
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{admin_port(settings)}/readyz"
            async with session.get(url) as response:
                assert response.status == 200


async def test_what_placement_asks_for_is_never_evicted(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    for number in range(10):
        origin.objects[f"/v/b/1/{number}.m4s"] = bytes([number]) * 100_000
    settings = edge_settings(tmp_path, origin.url, disk=ByteSize(2_000_000), **placed(control))
    async with edge(settings) as viewer:
        await until(lambda: whole(control))
        for number in range(10):
            async with viewer.get(f"/v/b/1/{number}.m4s") as response:
                assert len(await response.read()) == 100_000
        for name in PACKAGE:
            async with viewer.get(f"/v/a/1/{name}") as response:
                assert response.headers["Cache-Status"].startswith("nearcast-eu-1; hit")
                await response.read()
        async with viewer.get("/v/b/1/9.m4s") as response:
            assert response.headers["Cache-Status"].startswith("nearcast-eu-1; hit")
            await response.read()
        async with viewer.get("/v/b/1/0.m4s") as response:
            assert "uri-miss" in response.headers["Cache-Status"]
            await response.read()
        await until(lambda: control.heartbeats[-1].used_bytes <= 2_000_000)


async def test_a_file_that_was_damaged_on_disk_is_noticed_and_fetched_again(
    tmp_path: Path, origin: Origin
) -> None:
    origin.objects["/v/a/1/x.m4s"] = b"right" * 10_000
    async with (
        edge(edge_settings(tmp_path, origin.url)) as viewer,
        viewer.get("/v/a/1/x.m4s") as response,
    ):
        await response.read()
    (stored,) = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    stored.write_bytes(b"wrong" * 10_000)

    async with (
        edge(edge_settings(tmp_path, origin.url)) as viewer,
        viewer.get("/v/a/1/x.m4s") as response,
    ):
        assert await response.read() == b"right" * 10_000
        assert "uri-miss" in response.headers["Cache-Status"]
    assert origin.count("/v/a/1/x.m4s") == 2


async def test_a_control_plane_that_refuses_the_edge_is_told_by_readyz(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.status = 401
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    async with edge(settings), aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{admin_port(settings)}/readyz"

        async def refused() -> bool:
            async with session.get(url) as response:
                body = await response.json()
                return response.status == 503 and "refuses this edge (401)" in body["reasons"].get(
                    "control", ""
                )

        async with asyncio.timeout(30):
            while not await refused():  # noqa: ASYNC110 - the edge finds out by itself
                await asyncio.sleep(0.05)


async def test_the_admin_port_tells_holdings_to_operators_and_metrics_to_all(
    tmp_path: Path, origin: Origin
) -> None:
    settings = edge_settings(tmp_path, origin.url)
    base = f"http://127.0.0.1:{admin_port(settings)}"
    async with edge(settings), aiohttp.ClientSession(base) as session:
        async with session.get("/v1/holdings") as response:
            assert response.status == 401
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        async with session.get("/v1/holdings", headers=headers) as response:
            assert (await response.json())["edge_id"] == "eu-1"
        async with session.get("/metrics") as response:
            text = await response.text()
    assert "nearcast_edge_disk_bytes 0.0" in text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_serves_what_it_holds_and_passes_the_rest_through(
    small_disk: Path, origin: Origin
) -> None:
    origin.objects["/v/a/1/held.m4s"] = b"held" * 1000
    origin.objects["/v/a/1/large.m4s"] = b"large" * 600_000
    origin.objects["/v/a/1/small.m4s"] = b"small" * 1000
    async with edge(edge_settings(small_disk, origin.url)) as viewer:
        for _ in range(2):
            for name in ("held", "large", "held", "small"):
                path = f"/v/a/1/{name}.m4s"
                async with viewer.get(path) as response:
                    assert response.status == 200
                    assert await response.read() == origin.objects[path]

    assert origin.count("/v/a/1/held.m4s") == 1
    assert origin.count("/v/a/1/large.m4s") == 2


async def test_an_edge_whose_disk_is_too_small_for_its_placement_lives_and_serves(
    small_disk: Path, origin: Origin, control: Control
) -> None:
    large = {f"720p/c0/{number:05}.m4s": bytes([number]) * 300_000 for number in range(20)}
    control.want(publish(origin, "1", {"main.m3u8": b"#EXTM3U\n", **large}))
    async with edge(edge_settings(small_disk, origin.url, **placed(control))) as viewer:
        await until(lambda: len(origin.asked) > 8)
        for _ in range(2):
            control.want(*control.packages)
            beats = len(control.heartbeats)
            await until(lambda seen=beats: len(control.heartbeats) > seen + 2)  # type: ignore[misc]  # bound now
        for name, body in large.items():
            async with viewer.get(f"/v/a/1/{name}") as response:
                assert response.status == 200
                assert await response.read() == body
    assert control.holdings is not None
    assert not control.holdings.packages[0].complete


class EdgeProcess:
    """An edge as a process of its own, which can be killed."""

    def __init__(self, folder: Path, origin: Origin, control: Control, **changes: Any) -> None:
        self.port, self.admin = free_ports(2)
        self.config = folder / "edge.toml"
        self.log = folder / "edge.log"
        settings = {
            "edge_id": "eu-1",
            "region": "eu",
            "url": f"http://127.0.0.1:{self.port}",
            "cache_folder": "cache",
            "heartbeat_interval": 0.1,
            "fill_concurrency": 2,
            "listen": {"port": self.port},
            "admin": {"port": self.admin},
            "origin": {"url": origin.url, "token": TOKEN},
            "control": {"url": control.url, "token": TOKEN},
            **changes,
        }
        self.config.write_text(tomli_w.dumps(settings))

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "edge", "--config", str(self.config)],
                stdout=log,
                stderr=log,
            )
        try:
            wait_until_open(self.port, process, self.log)
            yield process
        finally:
            process.kill()
            process.wait()


async def test_a_fill_that_was_killed_goes_on_where_it_was(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    stuck = asyncio.Event()

    async def stalls(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "200000"})
        await response.prepare(request)
        await response.write(b"half" * 20_000)
        stuck.set()
        await asyncio.sleep(30)
        return response

    origin.scripts["/v/a/1/720p/c0/00005.m4s"] = stalls
    process = EdgeProcess(tmp_path, origin, control)
    with process.running() as running:
        await asyncio.wait_for(stuck.wait(), 30)
        os.kill(running.pid, signal.SIGKILL)
        await asyncio.to_thread(running.wait)
    before = dict.fromkeys(origin.asked)
    origin.asked.clear()
    del origin.scripts["/v/a/1/720p/c0/00005.m4s"]
    control.holdings = None

    with process.running():
        await until(lambda: whole(control), within=30)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{process.port}") as viewer:
            for name, body in PACKAGE.items():
                async with viewer.get(f"/v/a/1/{name}") as response:
                    assert await response.read() == body

    assert "/v/a/1/720p/c0/00005.m4s" in origin.asked
    assert "/v/a/1/main.m3u8" in before
    assert "/v/a/1/main.m3u8" not in origin.asked
    assert not list((tmp_path / "cache" / "incoming").iterdir())
