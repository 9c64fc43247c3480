"""What an edge tells its control plane: at once, only what changed, and the truth."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from common.messages import (
    Holdings,
    HoldingsChange,
    NetworkSeen,
    PackageName,
    network_of,
)
from edge.report import SHORTEST_INTERVAL
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
from tests.integration.test_edge_workers import EdgeProcess

PACKAGE = {"main.m3u8": b"#EXTM3U\n", "0.m4s": b"zero" * 10_000, "1.m4s": b"one" * 10}
LARGE = {"main.m3u8": b"#EXTM3U\n", "0.m4s": bytes(3_000_000)}


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with scripted(Origin) as made:
        yield made


def held(control: Control) -> set[tuple[str, str]]:
    """The packages that the control plane knows to be held whole."""
    packages = control.holdings.packages if control.holdings else ()
    return {(each.asset_id, each.version) for each in packages if each.complete}


def watched(control: Control) -> dict[str, tuple[int, int]]:
    """Requests and bytes by asset, as all heartbeats tell."""
    found: dict[str, tuple[int, int]] = {}
    for beat in control.heartbeats:
        for each in beat.watched:
            requests, sent = found.get(each.asset_id, (0, 0))
            found[each.asset_id] = (requests + each.requests, sent + each.bytes)
    return found


def networks(control: Control) -> dict[str, NetworkSeen]:
    """What heartbeats tell of networks that were told of once."""
    told = [seen for beat in control.heartbeats for seen in beat.networks]
    assert len({seen.network for seen in told}) == len(told)
    return {str(network_of(seen.network)): seen for seen in told}


async def test_only_what_changed_of_the_holdings_is_told(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    first, second = publish(origin, "1", PACKAGE), publish(origin, "2", PACKAGE)
    control.want(first)
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: held(control) == {("a", "1")})
        control.holdings_told.clear()
        control.want(first, second)
        await until(lambda: held(control) == {("a", "1"), ("a", "2")})
        changes = list(control.holdings_told)
        control.want(second)
        await until(lambda: held(control) == {("a", "2")})

    assert all(isinstance(told, HoldingsChange) for told in control.holdings_told)
    assert {each.version for told in changes for each in told.packages} == {"2"}
    last = control.holdings_told[-1]
    assert isinstance(last, HoldingsChange)
    assert (last.packages, last.dropped) == ((), (PackageName("a", "1"),))


async def test_a_control_plane_that_knows_other_holdings_is_told_all(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    first, second = publish(origin, "1", PACKAGE), publish(origin, "2", PACKAGE)
    control.want(first)
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: held(control) == {("a", "1")})
        assert control.holdings is not None
        control.holdings = Holdings("eu-1", "of-long-ago", ())
        await until(lambda: held(control) == {("a", "1")})
        control.holdings = Holdings("eu-1", "of-long-ago", ())
        control.want(first, second)
        await until(lambda: held(control) == {("a", "1"), ("a", "2")})
        beats = len(control.heartbeats)
        control.holdings_told.clear()
        await until(lambda: len(control.heartbeats) > beats + 3)

    assert control.holdings_told == []


async def test_a_package_that_is_whole_is_told_at_once(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    settings = edge_settings(tmp_path, origin.url, heartbeat_interval=60, **placed(control))
    async with edge(settings):
        await until(lambda: bool(control.heartbeats) and control.asked[-1]["desired"] == 1)
        for number in range(1, 4):
            control.want(*control.packages, publish(origin, str(number), PACKAGE))
            await until(lambda upto=number: len(held(control)) == upto)  # type: ignore[misc]  # bound now

    # The second and the third wait for no heartbeat that asks what is held.
    assert len(control.heartbeats) <= 3


async def test_however_much_there_is_to_tell_messages_keep_their_distance(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    settings = edge_settings(tmp_path, origin.url, heartbeat_interval=60, **placed(control))
    async with edge(settings):
        await until(lambda: bool(control.heartbeats) and control.asked[-1]["desired"] == 1)
        began, beats = asyncio.get_running_loop().time(), len(control.heartbeats)
        control.holdings_told.clear()
        for number in range(1, 31):
            control.want(*control.packages, publish(origin, str(number), PACKAGE))
            await asyncio.sleep(0.01)
        await until(lambda: len(held(control)) == 30)
        seconds = asyncio.get_running_loop().time() - began

    most = seconds / SHORTEST_INTERVAL + 2
    assert len(control.heartbeats) - beats <= most
    assert len(control.holdings_told) <= most


async def test_heartbeats_go_on_while_holdings_are_on_their_way(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    waiting = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        waiting.set()
        await asyncio.sleep(60)
        return await control.properly(request)

    control.scripts["holdings"] = slowly
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await asyncio.wait_for(waiting.wait(), 30)
        beats = len(control.heartbeats)
        await until(lambda: len(control.heartbeats) > beats + 5)


async def test_an_edge_that_ends_says_that_it_drains(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: bool(control.heartbeats) and control.heartbeats[-1].ready)
        assert not any(beat.draining for beat in control.heartbeats)

    assert control.heartbeats[-1].draining
    assert not control.heartbeats[-1].ready


async def test_heartbeats_tell_what_the_edge_can_do_and_what_it_does(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    publish(origin, "1", LARGE)
    settings = edge_settings(tmp_path, origin.url, weight=2.5, bandwidth=10**9, **placed(control))
    async with edge(settings) as viewer:
        await until(lambda: bool(control.heartbeats))
        for _ in range(3):
            async with viewer.get("/v/a/1/0.m4s") as response:
                assert len(await response.read()) == 3_000_000
        await until(lambda: control.heartbeats[-1].bytes_sent == 9_000_000)
        busy = control.heartbeats[-1]
        async with viewer.get("/v/missing/1/0.m4s") as response:
            assert response.status == 404
        only_if_cached, in_circles = (
            {"Cache-Control": "only-if-cached"},
            {"Via": "1.1 nearcast-eu-1"},
        )
        for fields, status in ((only_if_cached, 504), (in_circles, 508)):
            async with viewer.get("/v/missing/1/0.m4s", headers=fields) as response:
                assert response.status == status
        origin.scripts["/v/b/1/0.m4s"] = broken
        async with viewer.get("/v/b/1/0.m4s") as response:
            assert response.status == 502
        await until(lambda: control.heartbeats[-1].errors == 1)

    assert (busy.weight, busy.bandwidth) == (2.5, 10**9)
    assert busy.sending > 0
    assert any(beat.load > 0 for beat in control.heartbeats)
    assert busy.disk_errors == 0


async def broken(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_a_disk_that_cannot_be_read_is_told(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    publish(origin, "1", LARGE)
    settings = edge_settings(tmp_path, origin.url, memory=1, **placed(control))
    async with edge(settings) as viewer:
        async with viewer.get("/v/a/1/0.m4s") as response:
            await response.read()
        (file,) = [each for each in (tmp_path / "objects").rglob("*") if each.is_file()]
        await asyncio.to_thread(file.unlink)
        # Opened, it cannot be read.
        await asyncio.to_thread(file.mkdir)
        async with viewer.get("/v/a/1/0.m4s") as response:
            await response.read()
        await until(lambda: control.heartbeats[-1].disk_errors >= 1)


async def test_what_viewers_take_is_told_by_asset_from_both_lanes(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    publish(origin, "1", PACKAGE)
    publish(origin, "1", LARGE, asset="b")
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))) as viewer:
        for _ in range(10):
            async with viewer.get("/v/a/1/0.m4s") as response:
                await response.read()
        for _ in range(3):
            async with viewer.get("/v/b/1/0.m4s", headers={"Cache-Control": "x"}) as response:
                await response.read()
        async with viewer.get("/v/a/1/0.m4s", headers={"Range": "bytes=0-9"}) as response:
            assert len(await response.read()) == 10
        async with viewer.get("/v/a/1/main.m3u8", headers={"Via": "1.1 nearcast-eu-2"}) as response:
            assert response.status == 200
        async with viewer.get("/v/missing/1/main.m3u8") as response:
            assert response.status == 404
        told = {"a": (11, 10 * 40_000 + 10), "b": (3, 9_000_000)}
        await until(lambda: watched(control) == told)
        beats = len(control.heartbeats)
        await until(lambda: len(control.heartbeats) > beats + 3)

    assert watched(control) == told


async def test_what_players_say_of_their_network_is_told_from_both_lanes(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    publish(origin, "1", PACKAGE)
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))) as viewer:
        async with viewer.get("/v/a/1/0.m4s") as response:
            await response.read()
        beats = len(control.heartbeats)
        await until(lambda: len(control.heartbeats) > beats + 1)
        assert networks(control) == {}
        query = {"CMCD": 'bl=2500,mtp=4000,sid="x"'}
        for headers in ({}, {"Cache-Control": "x"}, {"CMCD-Status": "bs"}):
            async with viewer.get("/v/a/1/0.m4s", params=query, headers=headers) as response:
                assert response.status == 200
        await until(lambda: networks(control) != {})

    (told,) = networks(control).items()
    network, seen = told
    assert network == "127.0.0.0/24"
    assert 1 <= seen.words == seen.measured <= 3
    assert seen.throughput == pytest.approx(4_000_000)
    assert seen.buffer == 2500


async def test_what_viewers_take_and_say_of_all_worker_processes_is_told(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    publish(origin, "1", PACKAGE)
    process = EdgeProcess(
        tmp_path,
        origin.url,
        workers=3,
        edge_id="eu-1",
        region="eu",
        url="http://127.0.0.1:1",
        heartbeat_interval=0.1,
        control={"url": control.url, "token": TOKEN},
        origin={"token": TOKEN},
    )
    async with process.running():
        viewer: Viewer = process.viewer
        for _ in range(60):
            assert (await viewer.get("/v/a/1/0.m4s")).status == 200
        await until(lambda: watched(control) == {"a": (60, 60 * 40_000)})
        await until(lambda: control.heartbeats[-1].requests == 60)
        for client in range(1, 31):
            address = (f"127.0.{client}.1", 0)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", viewer.port, local_addr=address
            )
            writer.write(b"GET /v/a/1/0.m4s?CMCD=bs HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.close()
        await until(lambda: len(networks(control)) == 30)

    assert {(seen.words, seen.starving) for seen in networks(control).values()} == {(1, 1)}
