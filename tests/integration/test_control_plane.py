"""The control plane over real sockets: the talk with edges, routes, and refusals."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from common.errors import PortTaken
from common.messages import HoldingsChange, encode
from common.service import DatabaseSettings
from control_plane.app import main
from control_plane.geoip import GeoDatabaseUnusable
from tests.integration.control_service import (
    CLIENTS,
    Talk,
    control_plane,
    control_settings,
)
from tests.servers.databases import mongodb
from tests.unit.control_plane.records import announcement, heartbeat, holdings

CHANGE = HoldingsChange("eu-1", "1", "2", ())

pytestmark = pytest.mark.usefixtures("geoip")


async def test_an_edge_learns_what_to_hold_and_tells_that_it_does(talk: Talk) -> None:
    first = await talk.beat("eu-1")
    await talk.publish()
    await talk.until_placed(1)
    second = await talk.beat("eu-1")
    assert first["desired_revision"] != second["desired_revision"]

    desired = (await talk.orders("eu-1"))["desired"]
    assert desired["revision"] == second["desired_revision"]
    assert [package["asset_id"] for package in desired["packages"]] == ["a"]

    _, asset, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert asset["state"] == "published"
    await talk.hold("eu-1", ("a", "1"), held=1)
    _, asset, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert asset["copies"] == [
        {"region": "eu", "wanted": 1, "held": 0, "bytes_wanted": 1000, "bytes_held": 333}
    ]
    await talk.hold("eu-1", ("a", "1"))
    _, asset, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert asset["state"] == "placed"


async def test_holdings_are_asked_for_until_they_are_known(talk: Talk) -> None:
    assert (await talk.beat("eu-1", holdings_revision="1-3"))["send_holdings"]
    await talk.hold("eu-1", ("a", "1"))
    assert not (await talk.beat("eu-1", holdings_revision="1-3"))["send_holdings"]
    assert (await talk.beat("eu-1", holdings_revision="2-3"))["send_holdings"]


@pytest.mark.parametrize("region", ["eu", "us", "ap"])
async def test_a_viewer_is_sent_to_the_edge_of_their_region(filled: Talk, region: str) -> None:
    status, _, fields = await filled.call(
        "GET", "/play/a", headers={"X-Forwarded-For": CLIENTS[region]}
    )

    assert status == 302
    assert fields["Location"] == f"https://{region}-1.example.org/v/a/1/main.m3u8"
    assert fields["Cache-Control"] == "private, no-store"
    assert fields["Access-Control-Allow-Origin"] == "*"


async def test_head_redirects_too(filled: Talk) -> None:
    status, body, fields = await filled.call("HEAD", "/play/a")

    assert (status, body) == (302, "")
    assert fields["Location"] == "https://eu-1.example.org/v/a/1/main.m3u8"


async def test_the_list_tells_who_asks_from_where_and_why(filled: Talk) -> None:
    _, body, _ = await filled.call(
        "GET", "/play/a.json", headers={"X-Forwarded-For": CLIENTS["ap"]}
    )

    assert (body["client"], body["location"]) == ("203.0.113.1", "Singapore, SG")
    assert [edge["rank"] for edge in body["edges"]] == [1, 2, 3]
    assert body["edges"][0]["reason"].startswith("holds the version; Asia-Pacific is 0 km from")


async def test_an_address_in_no_database_gets_the_operators_order(filled: Talk) -> None:
    for client in ("8.8.8.8", "2001:db8::1"):
        edges = await filled.route(client)
        assert [edge["edge_id"] for edge in edges] == ["eu-1", "us-1", "ap-1"]
        assert "the client's place is unknown" in edges[0]["reason"]


async def test_a_forged_address_from_an_untrusted_peer_is_ignored(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, trusted_proxies=())) as talk:
        await talk.publish()
        for edge in ("eu-1", "ap-1"):
            await talk.beat(edge)
            await talk.hold(edge, ("a", "1"))
        edges = await talk.route(CLIENTS["ap"])

    assert edges[0]["edge_id"] == "eu-1"


async def test_an_edge_that_falls_silent_gets_no_viewers(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, heartbeat_timeout=2.0)) as talk:
        await talk.publish()
        for edge in ("eu-1", "ap-1"):
            await talk.beat(edge)
            await talk.hold(edge, ("a", "1"))

        async def routed() -> list[str]:
            await talk.beat("eu-1")
            return [edge["edge_id"] for edge in await talk.route(CLIENTS["ap"])]

        assert await routed() == ["ap-1", "eu-1"]
        async with asyncio.timeout(30):
            while await routed() != ["eu-1"]:  # noqa: ASYNC110 - it is the control plane's doing
                await asyncio.sleep(0.1)


async def test_an_edge_that_drains_gets_no_viewers(filled: Talk) -> None:
    await filled.beat("eu-1", ready=False)

    assert [edge["edge_id"] for edge in await filled.route(CLIENTS["eu"])] == ["us-1", "ap-1"]


async def test_a_replayed_heartbeat_does_not_bring_an_edge_back(filled: Talk) -> None:
    await filled.beat("eu-1", ready=False)
    replay = encode(heartbeat("eu-1", 1))
    status, _, _ = await filled.call("POST", "/v1/edges/eu-1/heartbeat", "eu-1", data=replay)

    assert status == 200
    assert "eu-1" not in [edge["edge_id"] for edge in await filled.route(CLIENTS["eu"])]


async def test_without_an_edge_viewers_are_told_to_come_back(talk: Talk) -> None:
    await talk.publish()
    status, body, fields = await talk.call("GET", "/play/a")

    assert status == 503
    assert fields["Retry-After"] == "2"
    assert fields["Access-Control-Allow-Origin"] == "*"
    assert body["detail"] == "No edge can serve asset 'a' now: try again soon."


@pytest.mark.parametrize("path", ["/play/nothing", "/play/nothing.json", "/v1/assets/nothing"])
async def test_an_unknown_asset_is_told(talk: Talk, path: str) -> None:
    status, body, fields = await talk.call("GET", path, "operator")

    assert status == 404
    assert fields["Content-Type"] == "application/problem+json"
    assert body["type"] == "urn:nearcast:problem:asset-unknown"
    assert body["detail"] == "There is no asset 'nothing'."


@pytest.mark.parametrize("asset", ["a%00b", "<script>", "x" * 65, "a/b"])
async def test_a_name_that_no_asset_has_is_not_found(talk: Talk, asset: str) -> None:
    status, _, _ = await talk.call("GET", f"/play/{asset}")

    assert status == 404


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("POST", "/v1/packages", None, 401),
        ("POST", "/v1/packages", "eu-1", 403),
        ("POST", "/v1/packages", "publisher", 403),
        ("POST", "/v1/edges/eu-1/heartbeat", None, 401),
        ("POST", "/v1/edges/eu-1/heartbeat", "eu-2", 403),
        ("POST", "/v1/edges/eu-1/heartbeat", "ingest", 403),
        ("GET", "/v1/edges/eu-1/orders", "eu-2", 403),
        ("PUT", "/v1/edges/eu-1/holdings", "eu-2", 403),
        ("GET", "/v1/assets", None, 401),
        ("GET", "/v1/assets", "eu-1", 403),
        ("GET", "/v1/edges", "publisher", 403),
        ("GET", "/", None, 401),
        ("GET", "/", "publisher", 403),
    ],
)
async def test_a_credential_opens_only_what_it_is_for(
    talk: Talk, method: str, path: str, name: str | None, status: int
) -> None:
    got, _, fields = await talk.call(method, path, name, data=b"{}")

    assert got == status
    assert "json" in fields["Content-Type"]
    assert ("WWW-Authenticate" in fields) == (status == 401)


async def test_a_token_that_nobody_has_opens_nothing(talk: Talk) -> None:
    headers = {"Authorization": "Bearer not-a-token-of-this-server"}
    status, body, _ = await talk.call("GET", "/v1/assets", headers=headers)

    assert (status, body["detail"]) == (401, "The credential sent is not one this server knows.")


@pytest.mark.parametrize(
    ("path", "method", "name", "body", "status"),
    [
        ("/v1/packages", "POST", "ingest", b"", 422),
        ("/v1/packages", "POST", "ingest", b"[" * 50_000, 422),
        ("/v1/packages", "POST", "ingest", b'{"asset_id": "../x"}', 422),
        ("/v1/packages", "POST", "ingest", b" " * 70_000, 413),
        ("/v1/edges/eu-1/heartbeat", "POST", "eu-1", b"\xff\xfe", 422),
        ("/v1/edges/eu-1/heartbeat", "POST", "eu-1", encode(heartbeat("eu-2")), 422),
        ("/v1/edges/eu-1/heartbeat", "POST", "eu-1", encode(heartbeat(region="mars")), 422),
        ("/v1/edges/eu-1/holdings", "PUT", "eu-1", encode(holdings("eu-1")), 404),
        ("/v1/edges/eu-1/holdings", "POST", "eu-1", encode(CHANGE), 404),
        ("/v1/edges/eu-1/orders?wait=soon", "GET", "eu-1", b"", 400),
    ],
)
async def test_bad_messages_are_told_in_a_sentence(
    talk: Talk, path: str, method: str, name: str, body: bytes, status: int
) -> None:
    got, problem, _ = await talk.call(method, path, name, data=body)

    assert got == status
    assert problem["detail"].endswith((".", ":"))
    assert "Traceback" not in problem["detail"]


async def test_a_conflicting_announcement_is_refused(talk: Talk) -> None:
    await talk.publish()
    await talk.publish()
    body = encode(announcement(manifest_sha256="cd" * 32))
    status, _, _ = await talk.call("POST", "/v1/packages", "ingest", data=body)

    assert status == 409


async def test_all_is_known_after_a_restart(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        await talk.hold("eu-1", ("a", "1"))
    async with control_plane(settings) as talk:
        edges = await talk.route(CLIENTS["eu"])

    assert [edge["edge_id"] for edge in edges] == ["eu-1"]
    assert edges[0]["reason"].startswith("holds the version")


async def test_routing_goes_on_while_the_database_is_away(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        await talk.hold("eu-1", ("a", "1"))
        assert settings.database.sqlite is not None
        with contextlib.closing(sqlite3.connect(settings.database.sqlite)) as other:
            other.execute("DROP TABLE edges")

        async def told() -> bool:
            status, body, _ = await talk.call("GET", "/readyz")
            return status == 200 and "edges" in body.get("away", {})

        async with asyncio.timeout(30):
            while not await told():  # noqa: ASYNC110 - the control plane finds out by itself
                await asyncio.sleep(0.05)
        await talk.beat("eu-1")
        assert [edge["edge_id"] for edge in await talk.route(CLIENTS["eu"])] == ["eu-1"]


# A connection that the driver was making is let go by it unclosed.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_edges_stay_up_while_mongodb_does_not_answer(tmp_path: Path) -> None:
    with mongodb(tmp_path) as server:
        database = DatabaseSettings(mongodb=server.url)
        settings = control_settings(tmp_path, database=database, heartbeat_timeout=2.0)
        async with control_plane(settings) as talk:
            await talk.publish()
            await talk.beat("eu-1")
            os.kill(server.pid, signal.SIGSTOP)
            try:
                for number in range(6):
                    # Less than the driver waits for a server.
                    async with asyncio.timeout(3):
                        await talk.beat("eu-1")
                        await talk.hold("eu-1", ("a", "1"), held=min(number, 3))
                    await asyncio.sleep(0.5)
                    routed = await talk.route(CLIENTS["eu"])
                    assert [edge["edge_id"] for edge in routed] == ["eu-1"]
                assert routed[0]["reason"].startswith("holds the version")
            finally:
                os.kill(server.pid, signal.SIGCONT)


async def test_a_body_that_does_not_come_is_not_waited_for(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.api.bodies.COMES_WITHIN", 0.2)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(2)

    status, problem, _ = await talk.call("POST", "/v1/packages", "ingest", data=slowly())

    assert status == 408
    assert problem["detail"].startswith("The body did not come within")


PICTURES = {
    "poster": "v/a/1/poster.jpg",
    "preview": "v/a/1/preview.webp",
    "storyboard": "v/a/1/storyboard.vtt",
}


async def test_a_route_names_the_pictures_on_the_best_edge(talk: Talk) -> None:
    await talk.publish(**PICTURES)
    await talk.beat("eu-1")
    _, route, _ = await talk.call("GET", "/play/a.json")

    for name, key in PICTURES.items():
        assert route[name] == f"https://eu-1.example.org/{key}"


async def test_a_route_to_what_has_no_pictures_names_none(talk: Talk) -> None:
    await talk.publish()
    await talk.beat("eu-1")
    _, route, _ = await talk.call("GET", "/play/a.json")

    assert [route[name] for name in PICTURES] == [None, None, None]


async def test_metrics_count_routes_and_edges(filled: Talk) -> None:
    await filled.call("GET", "/play/a")
    await filled.call("GET", "/play/nothing")
    _, text, _ = await filled.call("GET", "/metrics")

    assert 'nearcast_routes_total{result="redirected"} 1.0' in text
    assert 'nearcast_routes_total{result="unknown"} 1.0' in text
    assert 'nearcast_edges{state="up"} 3.0' in text


async def test_a_broken_geoip_database_keeps_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "broken.mmdb").write_bytes(b"no database")
    settings = control_settings(tmp_path, geoip=(tmp_path / "broken.mmdb",))

    with pytest.raises(GeoDatabaseUnusable):
        await main(settings, asyncio.Event())


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings):
        second = msgspec.structs.replace(
            settings, database=DatabaseSettings(sqlite=tmp_path / "other.sqlite")
        )
        with pytest.raises(PortTaken, match=f"Port {settings.listen.port} on 127.0.0.1 is taken"):
            await main(second, asyncio.Event())


async def test_another_edge_with_the_name_of_one_acknowledges_nothing_for_it(talk: Talk) -> None:
    await talk.beat("eu-1", started_at=100.0)
    asked = {"everything": True}
    _, purge, _ = await talk.call("POST", "/v1/purges", "operator", json=asked)
    path = f"/v1/purges/{purge['purge_id']}"

    async def state() -> str:
        _, told, _ = await talk.call("GET", path, "operator")
        return str(told["edges"][0]["state"])

    for run, expected in (("200.0", "pending"), ("100.0", "confirmed")):
        _, _, _ = await talk.call(
            "GET", "/v1/edges/eu-1/orders", "eu-1", params={"purges": 1, "run": run, "wait": 0}
        )
        assert await state() == expected


async def test_a_heartbeat_that_an_acknowledgement_has_overtaken_takes_nothing_back(
    talk: Talk,
) -> None:
    await talk.beat("eu-1")
    asked = {"everything": True}
    _, purge, _ = await talk.call("POST", "/v1/purges", "operator", json=asked)
    await talk.orders("eu-1", purges=1)
    await talk.beat("eu-1", purges=0)

    _, told, _ = await talk.call("GET", f"/v1/purges/{purge['purge_id']}", "operator")
    assert told["edges"][0]["state"] == "confirmed"
