"""Which edges viewers are sent to while edges fail, lie about the time, and share names."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from common.messages import encode
from control_plane.probing import ProbeSettings
from tests.integration.control_service import CLIENTS, Talk, control_plane, control_settings
from tests.integration.edge_service import serving
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import heartbeat, holdings

pytestmark = pytest.mark.usefixtures("geoip")


class Beating:
    """Edges of which each sends a heartbeat several times a second."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.facts: dict[str, dict[str, Any]] = {}
        """Of each edge that lives."""

    async def run(self) -> None:
        while True:
            for edge, facts in list(self.facts.items()):
                await self.talk.beat(edge, **facts)
            await asyncio.sleep(0.2)

    async def named(self) -> set[str]:
        """The edges that a viewer in Europe may be sent to."""
        headers = {"X-Forwarded-For": CLIENTS["eu"]}
        status, body, _ = await self.talk.call("GET", "/play/a.json", headers=headers)
        return {str(edge["edge_id"]) for edge in body["edges"]} if status == 200 else set()

    async def shown(self, edge: str) -> dict[str, Any]:
        _, edges, _ = await self.talk.call("GET", "/v1/edges", "operator")
        return next(dict(each) for each in edges if each["edge_id"] == edge)

    async def given(self, edge: str) -> int:
        """How many packages an edge has to hold."""
        desired = (await self.talk.orders(edge))["desired"]
        return len(desired["packages"]) if desired else 0

    async def order(self, edge: str, standing: str) -> None:
        path = f"/v1/edges/{edge}/standing"
        status, _, _ = await self.talk.call("PUT", path, "operator", json={"standing": standing})
        assert status == 200


@pytest.fixture
async def edges(tmp_path: Path) -> AsyncIterator[Beating]:
    """Two edges in Europe, one in America."""
    async with control_plane(control_settings(tmp_path, heartbeat_timeout=2.0)) as talk:
        beating = Beating(talk)
        beating.facts = {"eu-1": {}, "eu-2": {}, "us-1": {}}
        await talk.publish("a")
        running = asyncio.create_task(beating.run())
        try:
            await comes(lambda: said(beating.named(), {"eu-1", "eu-2", "us-1"}))
            yield beating
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@dataclass
class Liar:
    """An edge that says it holds what it does not, or serves something else."""

    body: bytes | None
    """What it answers whatever it is asked for; with None, that it does not have it."""

    async def answer(self, _: web.Request) -> web.Response:
        if self.body is None:
            return web.Response(status=504)
        return web.Response(body=self.body)


@contextlib.asynccontextmanager
async def probed(tmp_path: Path, liar: Liar) -> AsyncIterator[Beating]:
    """A control plane that asks its edges, of which eu-1 lies and eu-2 is honest."""
    manifest = b"a manifest"
    ports = free_ports(2)
    settings = control_settings(
        tmp_path, heartbeat_timeout=2.0, probes=ProbeSettings(every=0.1, timeout=1.0)
    )
    async with (
        serving(liar.answer, ports[0]),
        serving(Liar(manifest).answer, ports[1]),
        control_plane(settings) as talk,
    ):
        await talk.publish("a", manifest_sha256=sha256(manifest).hexdigest())
        beating = Beating(talk)
        told = holdings("eu-1", ("a", "1"))
        for edge, port in zip(("eu-1", "eu-2"), ports, strict=True):
            url = f"http://127.0.0.1:{port}"
            beating.facts[edge] = {"url": url, "holdings_revision": told.revision}
            await talk.beat(edge, **beating.facts[edge])
            await talk.hold(edge, ("a", "1"))
        running = asyncio.create_task(beating.run())
        try:
            yield beating
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def said(answer: Awaitable[object], expected: object) -> bool:
    return await answer == expected


async def comes(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await check():  # noqa: ASYNC110 - it is the control plane's doing
            await asyncio.sleep(0.05)


async def test_viewers_go_elsewhere_when_every_edge_of_their_region_is_down(
    edges: Beating,
) -> None:
    del edges.facts["eu-1"], edges.facts["eu-2"]
    await comes(lambda: said(edges.named(), {"us-1"}))

    assert (await edges.shown("eu-1"))["state"] == "down"


async def test_an_edge_that_comes_back_waits_and_is_warmed(edges: Beating) -> None:
    del edges.facts["eu-1"]
    await comes(lambda: said(edges.named(), {"eu-2", "us-1"}))
    edges.facts["eu-1"] = {"started_at": 900.0}

    async def starts() -> bool:
        return str((await edges.shown("eu-1"))["state"]) == "starting"

    await comes(starts)
    assert "steady" in (await edges.shown("eu-1"))["reason"]
    await comes(lambda: said(edges.named(), {"eu-1", "eu-2", "us-1"}))
    back = await edges.shown("eu-1")
    assert back["state"] == "up"
    assert 0.1 <= back["share"] < 1


async def test_a_drained_edge_gets_no_viewers_however_often_it_starts(edges: Beating) -> None:
    await edges.order("eu-1", "draining")
    await comes(lambda: said(edges.named(), {"eu-2", "us-1"}))
    edges.facts["eu-1"] = {"started_at": 900.0}
    await asyncio.sleep(1)
    assert "eu-1" not in await edges.named()
    assert (await edges.shown("eu-1"))["state"] == "draining"
    await edges.order("eu-1", "in-service")

    await comes(lambda: said(edges.named(), {"eu-1", "eu-2", "us-1"}))


async def test_an_edge_in_maintenance_may_be_silent(edges: Beating) -> None:
    await edges.order("eu-1", "maintenance")
    del edges.facts["eu-1"]
    await comes(lambda: said(edges.named(), {"eu-2", "us-1"}))
    del edges.facts["us-1"]
    await comes(lambda: said(edges.named(), {"eu-2"}))

    assert (await edges.shown("eu-1"))["state"] == "maintenance"


async def test_an_edge_in_maintenance_keeps_what_is_placed_on_it(tmp_path: Path) -> None:
    settings = control_settings(
        tmp_path, geoip=(), heartbeat_timeout=1.0, placement_patience=1.0, copies_per_region=1
    )
    async with control_plane(settings) as talk:
        edges = Beating(talk)
        await talk.beat("eu-1")
        await edges.order("eu-1", "maintenance")
        await talk.publish("a")
        await talk.until_placed(1)
        for _ in range(10):
            await talk.beat("eu-2")
            await asyncio.sleep(0.3)
        given = await edges.given("eu-2")
        await edges.order("eu-1", "in-service")

        async def moved() -> bool:
            await talk.beat("eu-2")
            return await edges.given("eu-2") == 1

        await comes(moved)

    assert given == 0


async def test_an_edge_that_is_overloaded_gets_less_and_tells_why(edges: Beating) -> None:
    edges.facts["eu-1"] = {"load": 0.99}

    async def degraded() -> bool:
        return str((await edges.shown("eu-1"))["state"]) == "degraded"

    await comes(degraded)
    shown = await edges.shown("eu-1")
    assert (shown["share"], shown["reason"]) == (0.25, "its processors are busy (99%)")
    await comes(lambda: said(edges.named(), {"eu-1", "eu-2", "us-1"}))


async def test_edges_of_a_region_that_are_all_bad_all_get_viewers(edges: Beating) -> None:
    edges.facts["eu-1"] = edges.facts["eu-2"] = {"load": 0.99}

    async def degraded() -> bool:
        shown = [await edges.shown(edge) for edge in ("eu-1", "eu-2")]
        return {each["state"] for each in shown} == {"degraded"}

    await comes(degraded)
    await comes(lambda: said(edges.named(), {"eu-1", "eu-2", "us-1"}))


@pytest.mark.parametrize("jump", [1e9, -1e9])
async def test_an_edge_whose_clock_jumps_is_heard_on(edges: Beating, jump: float) -> None:
    """Its next run says that it began long before, or long after, the last one."""
    del edges.facts["us-1"]
    await comes(lambda: said(edges.named(), {"eu-1", "eu-2"}))
    edges.facts["us-1"] = {"started_at": 100.0 + jump}

    await comes(lambda: said(edges.named(), {"eu-1", "eu-2", "us-1"}))


async def test_of_two_edges_with_one_name_the_one_that_was_there_gets_the_viewers(
    edges: Beating,
) -> None:
    url = "https://stranger.example.org"
    for sequence in range(1, 4):
        beat = heartbeat("eu-1", sequence, started_at=5000.0, url=url)
        path = "/v1/edges/eu-1/heartbeat"
        status, problem, _ = await edges.talk.call("POST", path, "eu-1", data=encode(beat))
        assert (status, problem["edge_id"]) == (409, "eu-1")
        await asyncio.sleep(0.2)

    assert (await edges.shown("eu-1"))["url"] == "https://eu-1.example.org"
    del edges.facts["eu-1"]
    await comes(lambda: said(edges.named(), {"eu-2", "us-1"}))
    edges.facts["eu-1"] = {"started_at": 5000.0, "url": url}
    await comes(lambda: said(edges.named(), {"eu-1", "eu-2", "us-1"}))
    assert (await edges.shown("eu-1"))["url"] == url


async def test_replays_bring_no_edge_back(edges: Beating) -> None:
    del edges.facts["eu-1"]
    await comes(lambda: said(edges.named(), {"eu-2", "us-1"}))
    for sequence in (1, 3, 2, 1):
        path = "/v1/edges/eu-1/heartbeat"
        body = encode(heartbeat("eu-1", sequence))
        assert (await edges.talk.call("POST", path, "eu-1", data=body))[0] == 200

    await asyncio.sleep(0.5)
    assert "eu-1" not in await edges.named()


async def test_an_edge_that_lies_about_its_inventory_is_believed_no_more(tmp_path: Path) -> None:
    async with probed(tmp_path, Liar(None)) as edges:

        async def caught() -> bool:
            held = [(await edges.shown(edge))["packages_held"] for edge in ("eu-1", "eu-2")]
            return held == [0, 1]

        await comes(caught)
        best, other = await edges.talk.route(CLIENTS["eu"])
        asked = await edges.talk.beat("eu-1", **edges.facts["eu-1"])

    assert (best["edge_id"], other["edge_id"]) == ("eu-2", "eu-1")
    assert "has to fetch the version" in other["reason"]
    assert asked["send_holdings"]


async def test_an_edge_that_serves_wrong_bytes_gets_less_and_tells_why(tmp_path: Path) -> None:
    async with probed(tmp_path, Liar(b"something else")) as edges:

        async def degraded() -> bool:
            return str((await edges.shown("eu-1"))["state"]) == "degraded"

        await comes(degraded)
        shown = await edges.shown("eu-1")
        honest = await edges.shown("eu-2")

    assert (shown["reason"], shown["packages_held"]) == ("it serves wrong bytes", 0)
    assert (honest["state"], honest["packages_held"]) == ("up", 1)
