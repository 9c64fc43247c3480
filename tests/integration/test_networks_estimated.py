"""From what players tell an edge to what control planes know of their networks."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from common.messages import NetworkSeen, network_number
from common.service import PeerSettings
from control_plane.bus import RedisBus
from control_plane.catalog import EdgeRecord
from control_plane.networks import Networks
from control_plane.router import Router
from control_plane.routing import client_address
from tests.integration.control_service import TOKENS, Talk, control_plane, control_settings
from tests.integration.edge_service import Origin, edge, edge_settings, publish, scripted
from tests.integration.test_edge_workers import eventually
from tests.servers.databases import redis
from tests.unit.control_plane.records import heartbeat

PACKAGE = {"main.m3u8": b"#EXTM3U\n", "0.m4s": b"zero" * 1000}


async def play(port: int, client: str, told: str, *fields: str) -> None:
    """Asks as a player at the address ``client`` does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(client, 0))
    lines = [f"GET /v/a/1/0.m4s{told} HTTP/1.1", "Host: cdn.test", *fields, "", ""]
    writer.write("\r\n".join(lines).encode())
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await writer.wait_closed()


async def asked(talk: Talk, query: str, name: str | None = "operator") -> tuple[int, Any]:
    status, body, _ = await talk.call("GET", f"/v1/networks{query}", name)
    return status, body


async def test_what_players_tell_an_edge_is_known_to_its_control_plane(tmp_path: Path) -> None:
    plane = control_settings(tmp_path, geoip=())
    async with scripted(Origin) as origin, control_plane(plane) as talk:
        publish(origin, "1", PACKAGE)
        url = f"http://127.0.0.1:{plane.listen.port}"
        control = PeerSettings(url=url, token=TOKENS["eu-1"])
        settings = edge_settings(
            tmp_path / "edge", origin.url, control=control, heartbeat_interval=1.0
        )
        async with edge(settings):
            for number in range(8):
                bad = ",bs" if number < 2 else ""
                await play(settings.listen.port, "127.0.5.1", f"?CMCD=mtp=6000,bl=1500{bad}")
                forged = ("X-Forwarded-For: 198.51.100.7", "CMCD-Request: mtp=1")
                await play(settings.listen.port, "127.0.6.1", "", *forged)

            async def known() -> bool:
                _, body = await asked(talk, "?ip=127.0.5.99")
                return float(body["weight"]) > 7.5

            await eventually(known)
        _, here = await asked(talk, "?ip=127.0.5.99")
        _, slow = await asked(talk, "?ip=127.0.6.1")
        _, forged_for = await asked(talk, "?ip=198.51.100.7")

    assert here["network"] == "127.0.5.0/24"
    assert here["rests_on"] == "network"
    assert here["throughput"] == pytest.approx(6e6)
    assert here["starving"] == pytest.approx(0.25)
    assert here["buffer"] == 1500
    assert [way["edge_id"] for way in here["edges"]] == ["eu-1"]
    assert slow["throughput"] == pytest.approx(1e3)
    assert (forged_for["rests_on"], forged_for["throughput"]) == ("", None)


async def test_viewers_are_known_with_what_their_networks_carry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routers: list[Router] = []
    made = Router.__init__

    def noted(self: Router, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        routers.append(self)

    monkeypatch.setattr(Router, "__init__", noted)
    address = client_address("203.0.113.7", (), ())
    async with control_plane(control_settings(tmp_path, geoip=())) as talk:
        (router,) = routers
        assert router.viewer_at(address).estimate is None
        await talk.beat("eu-1", networks=(NetworkSeen(network_number(address), 9, 9, 8e6, 0),))
        found = router.viewer_at(address).estimate
        _, metrics, _ = await talk.call("GET", "/metrics")

    assert found is not None
    assert found.throughput == pytest.approx(8e6)
    assert "nearcast_client_networks 1.0" in metrics


async def test_operators_alone_ask_and_for_one_address(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, geoip=())) as talk:
        for query in ("", "?ip=", "?ip=x", "?ip=1.2.3", "?ip=1.2.3.4&ip=1.2.3.5", "?ip=1.2.3.0/24"):
            status, body = await asked(talk, query)
            assert (status, body["type"]) == (400, "urn:nearcast:problem:address-invalid"), query
        for query, network in (
            ("?ip=2001:db8:1:2::3", "2001:db8:1::/48"),
            ("?ip=::ffff:203.0.113.9", "203.0.113.0/24"),
        ):
            status, body = await asked(talk, query)
            assert (status, body["network"]) == (200, network)
        assert [(await asked(talk, "?ip=1.2.3.4", name))[0] for name in (None, "eu-1")] == [
            401,
            403,
        ]


async def test_control_planes_tell_one_another_over_redis(tmp_path: Path) -> None:
    address = client_address("203.0.113.7", (), ())
    with redis(tmp_path) as server:
        buses = [RedisBus(server.url), RedisBus(server.url)]
        one, other = Networks(SystemClock()), Networks(SystemClock())
        for networks, bus in zip((one, other), buses, strict=True):
            await bus.listening()
            networks.share(bus)
        seen = NetworkSeen(network_number(address), 100, 100, 8e6, 10)
        one.heard(EdgeRecord(heartbeat(networks=(seen,)), 0.0))

        async def known() -> bool:
            return other.of(address, 0) is not None

        await eventually(known)
        for bus in buses:
            await bus.close()
