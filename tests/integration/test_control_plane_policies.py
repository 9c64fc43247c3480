"""Who may watch, at control planes over real sockets."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from common.messages import Profile
from common.service import DatabaseSettings
from control_plane.snapshot import Snapshot, SnapshotUnusable
from tests.integration.control_service import (
    CLIENTS,
    Talk,
    control_plane,
    control_settings,
)
from tests.servers.databases import Server, mongodb

pytestmark = pytest.mark.usefixtures("geoip")

GERMANY = {"allowed_countries": ["DE"]}
ELSEWHERE = {"bypass_url": "https://other.example.org/{path}"}
UNKNOWN = "100.64.1.1"
"""An address in no database."""


async def tell(talk: Talk, name: str, policy: dict[str, Any]) -> None:
    status, body, _ = await talk.call("PUT", f"/v1/policies/{name}", "operator", json=policy)
    assert status == 200, body
    assert (body["name"], body["policy"], body["by"]) == (name, policy, "operator")


async def play(talk: Talk, client: str, path: str = "/play/a") -> tuple[int, Any, dict[str, str]]:
    return await talk.call("GET", path, headers={"X-Forwarded-For": client})


async def test_who_may_not_watch_is_told_so_wherever_it_asks(filled: Talk) -> None:
    await tell(filled, "default", GERMANY)

    assert (await play(filled, CLIENTS["eu"]))[0] == 302
    for path in ("/play/a", "/play/a.json", "/steer/a"):
        status, problem, fields = await play(filled, CLIENTS["us"], path)
        assert status == 403
        assert problem["type"] == "urn:nearcast:problem:route-denied"
        assert problem["detail"] == (
            "Asset 'a' may not be watched from here: the country of this address, US, "
            "is not among those allowed."
        )
        assert "url" not in problem
        assert fields["Cache-Control"] == "private, no-store"
        assert fields["Access-Control-Allow-Origin"] == "*"


async def test_an_address_in_no_database_may_not_watch_where_countries_are_allowed(
    filled: Talk,
) -> None:
    await tell(filled, "default", {"blocked_countries": ["DE"]})
    assert (await play(filled, UNKNOWN))[0] == 302
    await tell(filled, "default", GERMANY)
    status, problem, _ = await play(filled, UNKNOWN)

    assert status == 403
    assert problem["detail"].endswith(
        "only some countries are allowed, and nobody knows the one of this address."
    )


async def test_an_address_that_a_client_makes_up_opens_nothing(tmp_path: Path) -> None:
    settings = control_settings(tmp_path, trusted_proxies=("10.0.0.0/8",))
    async with control_plane(settings) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        # The loopback addresses are in Germany, by the tests' database.
        await tell(talk, "default", {"blocked_countries": ["DE"]})
        assert (await play(talk, CLIENTS["us"]))[0] == 403
        await tell(talk, "default", {"blocked_networks": ["127.0.0.0/8"]})

        assert (await play(talk, CLIENTS["us"]))[0] == 403


async def test_mapped_addresses_are_judged_as_what_they_are(filled: Talk) -> None:
    await tell(filled, "default", {"blocked_networks": [f"{CLIENTS['us']}/32"]})

    assert (await play(filled, f"::ffff:{CLIENTS['us']}"))[0] == 403
    assert (await play(filled, f"[::ffff:{CLIENTS['us']}]:443"))[0] == 403
    assert (await play(filled, f"::ffff:{CLIENTS['eu']}"))[0] == 302
    assert (await play(filled, "2001:db8::1"))[0] == 302


async def test_who_may_not_watch_is_sent_where_the_policy_says(filled: Talk) -> None:
    url = "https://www.example.org/not-here"
    await tell(filled, "default", {**GERMANY, "deny_url": url})

    status, _, fields = await play(filled, CLIENTS["us"])
    assert (status, fields["Location"]) == (302, url)
    assert fields["Cache-Control"] == "private, no-store"
    assert fields["Access-Control-Allow-Origin"] == "*"
    for path in ("/play/a.json", "/steer/a"):
        status, problem, _ = await play(filled, CLIENTS["us"], path)
        assert (status, problem["url"]) == (403, url)


async def test_who_gets_it_from_elsewhere_is_sent_there(filled: Talk) -> None:
    await tell(filled, "assets/a", {**ELSEWHERE, "bypass_countries": ["US"]})

    url = "https://other.example.org/v/a/1/main.m3u8"
    status, _, fields = await play(filled, CLIENTS["us"])
    assert (status, fields["Location"]) == (302, url)
    for path in ("/play/a.json", "/steer/a"):
        status, problem, _ = await play(filled, CLIENTS["us"], path)
        assert (status, problem["url"]) == (410, url)
    assert (await play(filled, CLIENTS["eu"], "/play/a.json"))[0] == 200


async def test_from_elsewhere_a_viewer_gets_the_playlist_that_suits_it(talk: Talk) -> None:
    await talk.publish(profiles=tuple(Profile))
    await tell(talk, "default", ELSEWHERE)

    # No edge is needed for it.
    for fields, name in (({}, "main"), ({"Save-Data": "on"}, "data-saver")):
        _, _, answer = await talk.call("GET", "/play/a", headers=fields)
        assert answer["Location"] == f"https://other.example.org/v/a/1/{name}.m3u8"


async def test_the_feed_offers_what_is_got_from_elsewhere_there(filled: Talk) -> None:
    await filled.publish("b", poster="v/b/1/p.jpg")
    await filled.publish("c", poster="v/c/1/p.jpg")
    await tell(filled, "assets/a", {"blocked_countries": ["US"]})
    await tell(filled, "assets/b", {**ELSEWHERE, "bypass_countries": ["US"]})
    await tell(filled, "assets/c", {"bypass_url": "https://other.example.org/?video={asset_id}"})

    async def offered(client: str) -> list[tuple[str, str, str | None]]:
        status, body, _ = await play(filled, client, "/v1/feed")
        assert status == 200
        return [(each["title"], each["play"], each["poster"]) for each in body["entries"]]

    elsewhere = "https://other.example.org"
    edge = "https://eu-1.example.org"
    assert await offered(CLIENTS["us"]) == [
        ("Video c", f"{elsewhere}/?video=c", None),
        ("Video b", f"{elsewhere}/v/b/1/main.m3u8", f"{elsewhere}/v/b/1/p.jpg"),
    ]
    assert await offered(CLIENTS["eu"]) == [
        ("Video c", f"{elsewhere}/?video=c", None),
        ("Video b", f"{edge}/v/b/1/main.m3u8", f"{edge}/v/b/1/p.jpg"),
        ("Video a", f"{edge}/v/a/1/main.m3u8", None),
    ]


async def test_an_operator_is_told_which_policy_says_what_and_how_it_would_be_without(
    filled: Talk,
) -> None:
    async def explained(client: str) -> tuple[str, str, list[str]]:
        query = {"asset": "a", "ip": client}
        status, body, _ = await filled.call("GET", "/v1/explain", "operator", params=query)
        assert status == 200, body
        told = {step["step"]: step["told"] for step in body["steps"]}
        edges = [edge["edge_id"] for edge in body["edges"]]
        return told["policy"], told["edge"].partition(":")[0], edges

    await tell(filled, "default", GERMANY)
    told, edge, _ = await explained(CLIENTS["eu"])
    assert told == (
        "It is allowed by the policy default: the country of this address, DE, is allowed."
    )
    assert edge == "It is sent to eu-1"
    told, edge, edges = await explained(CLIENTS["us"])
    assert told == (
        "It is denied by the policy default: the country of this address, US, is not among those "
        "allowed. What follows is how it would be routed if it were allowed."
    )
    assert (edge, edges[0], len(edges)) == ("It would be sent to us-1", "us-1", 3)
    await tell(filled, "assets/a", {**ELSEWHERE, "bypass_countries": ["US"]})
    told, edge, _ = await explained(CLIENTS["us"])
    assert told.startswith(
        "It is bypassed by the policy assets/a: the country US gets it from elsewhere. "
        "It is sent to https://other.example.org/v/a/1/main.m3u8 instead. "
    )
    assert edge == "It would be sent to us-1"


async def test_the_most_special_policy_decides_alone(filled: Talk) -> None:
    await filled.publish("b", creator="ada")
    await tell(filled, "default", {"blocked_countries": ["DE"]})
    await tell(filled, "creators/ada", {"blocked_countries": ["US"]})

    async def may(asset: str) -> list[str]:
        return [
            region
            for region, client in CLIENTS.items()
            if (await play(filled, client, f"/play/{asset}"))[0] == 302
        ]

    assert await may("a") == ["us", "ap"]
    assert await may("b") == ["eu", "ap"]
    await tell(filled, "assets/b", {"blocked_countries": ["SG"]})
    assert await may("b") == ["eu", "us"]
    await filled.call("DELETE", "/v1/policies/assets/b", "operator")
    assert await may("b") == ["eu", "ap"]
    await filled.call("DELETE", "/v1/policies/creators/ada", "operator")
    assert await may("b") == ["us", "ap"]


async def test_policies_are_listed_shown_and_taken_away(talk: Talk) -> None:
    for name in ("default", "assets/never-published", "creators/x"):
        await tell(talk, name, GERMANY)

    _, views, _ = await talk.call("GET", "/v1/policies", "operator")
    assert [view["name"] for view in views] == ["assets/never-published", "creators/x", "default"]
    _, view, _ = await talk.call("GET", "/v1/policies/creators/x", "operator")
    assert view == views[1]
    assert (await talk.call("DELETE", "/v1/policies/default", "operator"))[0] == 204
    for method in ("GET", "DELETE"):
        status, problem, _ = await talk.call(method, "/v1/policies/default", "operator")
        assert (status, problem["detail"]) == (404, "There is no policy 'default'.")


REFUSED: list[tuple[str | None, str, dict[str, Any], int, str]] = [
    (None, "default", GERMANY, 401, "credential"),
    ("publisher", "default", GERMANY, 403, "may not do this"),
    ("operator", "other", GERMANY, 404, "Not Found"),
    ("operator", "assets/a.b", GERMANY, 404, "Not Found"),
    ("operator", "assets/a/b", GERMANY, 404, "Not Found"),
    ("operator", "default", {"allowed_countries": ["Germany"]}, 422, "allowed_countries[0]"),
    ("operator", "default", {"deny_url": "https://x/{path}"}, 422, "braces that mean nothing"),
    ("operator", "default", {"blocked": []}, 422, "unknown field `blocked`"),
    ("operator", "default", {"deny_url": "x" * 40_000}, 413, "32768 bytes"),
]


async def test_what_is_no_policy_of_an_operator_is_refused(talk: Talk) -> None:
    for name, path, body, status, told in REFUSED:
        got, problem, _ = await talk.call("PUT", f"/v1/policies/{path}", name, json=body)

        assert (got, told in problem["detail"]) == (status, True), problem
    assert (await talk.call("GET", "/v1/policies", "operator"))[1] == []


async def test_policies_are_counted(filled: Talk) -> None:
    await tell(filled, "default", GERMANY)
    await play(filled, CLIENTS["us"])
    await tell(filled, "default", ELSEWHERE)
    await play(filled, CLIENTS["us"])
    _, text, _ = await filled.call("GET", "/metrics")

    assert 'nearcast_routes_total{result="denied"} 1.0' in text
    assert 'nearcast_routes_total{result="bypassed"} 1.0' in text


async def test_policies_hold_at_other_control_planes_and_after_restarts(tmp_path: Path) -> None:
    first, second = (control_settings(tmp_path) for _ in range(2))
    async with control_plane(first) as one, control_plane(second) as other:
        await one.publish()
        for talk in (one, other):
            await talk.beat("eu-1")
        await tell(one, "default", GERMANY)
        async with asyncio.timeout(20):
            while (await play(other, CLIENTS["us"]))[0] != 403:  # noqa: ASYNC110 - it looks each second
                await asyncio.sleep(0.1)
    async with control_plane(first) as one:
        assert (await play(one, CLIENTS["us"]))[0] == 403


async def documents(snapshot: Path) -> set[str]:
    """The families of documents in a snapshot."""
    try:
        loaded = await asyncio.to_thread(Snapshot.load, snapshot)
    except SnapshotUnusable:
        return set()
    return {each.family for each in loaded.documents}


# The driver leaves a socket to the garbage collector when its client is closed while connecting.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_zones_and_policies_hold_after_a_restart_without_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.service.mongodb.ANSWER_WITHIN", 1000)
    monkeypatch.setattr("control_plane.snapshots.LOOK_EVERY", 0.05)
    snapshot = tmp_path / "snapshot"
    zones = {"zones": [{"name": "z", "networks": ["192.0.2.0/24"], "regions": ["eu"]}]}
    with mongodb(tmp_path) as server:
        settings = control_settings(
            tmp_path, database=DatabaseSettings(mongodb=server.url), snapshot=snapshot
        )
        async with control_plane(settings) as talk:
            await talk.publish()
            await talk.beat("eu-1")
            await talk.call("PUT", "/v1/zones", "operator", json=zones)
            await tell(talk, "default", GERMANY)
            async with asyncio.timeout(30):
                while await documents(snapshot) < {"zones", "policies"}:  # noqa: ASYNC110 - it is saved by itself
                    await asyncio.sleep(0.02)
        os.kill(server.pid, signal.SIGKILL)
        async with control_plane(settings) as talk:
            assert (await play(talk, CLIENTS["us"]))[0] == 403
            assert (await talk.call("GET", "/v1/zones", "operator"))[1]["zones"] == zones["zones"]
            _, body, _ = await talk.call("GET", "/readyz")
            assert {"zones", "policies"} <= body["away"].keys()
            status, problem, _ = await talk.call("DELETE", "/v1/policies/default", "operator")
            assert (status, "MongoDB is not reachable" in problem["detail"]) == (503, True)
            assert (await play(talk, CLIENTS["us"]))[0] == 403


async def test_other_control_planes_are_told_at_once(
    tmp_path: Path, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.keeping.REFRESH_EVERY", 3600.0)
    first, second = (control_settings(tmp_path, redis=redis_server.url) for _ in range(2))
    async with control_plane(first) as one, control_plane(second) as other:
        async with asyncio.timeout(20):
            for talk in (one, other):
                while "redis" in (await talk.call("GET", "/readyz"))[1].get("away", {}):  # noqa: ASYNC110 - it is told by itself
                    await asyncio.sleep(0.02)
            await tell(one, "default", GERMANY)
            await one.call("PUT", "/v1/zones", "operator", json={"zones": []})
            while not (await other.call("GET", "/v1/policies", "operator"))[1]:  # noqa: ASYNC110 - it is told by itself
                await asyncio.sleep(0.02)
            while not (await other.call("GET", "/v1/zones", "operator"))[1]["by"]:  # noqa: ASYNC110 - it is told by itself
                await asyncio.sleep(0.02)
