"""Players are steered between edges while they play."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from control_plane.steering import NEAR, SteeringSettings
from tests.integration.control_service import (
    CLIENTS,
    TOKENS,
    Talk,
    control_plane,
    control_settings,
)

pytestmark = pytest.mark.usefixtures("geoip")

EDGES = ("eu-1", "eu-2", "us-1", "ap-1")
EUROPE = {"X-Forwarded-For": CLIENTS["eu"]}


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Talk]:
    """A control plane with a video on four edges."""
    async with control_plane(control_settings(tmp_path)) as talk:
        await talk.publish()
        for edge in EDGES:
            await talk.beat(edge)
            await talk.hold(edge, ("a", "1"))
        yield talk


class Player:
    """Asks as a player does: where it was told to, saying where it plays from."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._path = "/steer/a"
        self.pathway = "here"

    async def ask(self) -> dict[str, Any]:
        """The manifest, which it heeds."""
        path = f"{self._path}{'&' if '?' in self._path else '?'}_HLS_pathway={self.pathway}"
        status, body, fields = await self._talk.call("GET", path, headers=EUROPE)
        assert status == 200, body
        assert fields["Content-Type"] == "application/json"
        assert fields["Cache-Control"] == "private, no-store"
        assert fields["Access-Control-Allow-Origin"] == "*"
        self._path = urljoin(self._path, body["RELOAD-URI"])
        self.pathway = body["PATHWAY-PRIORITY"][0]
        return dict(body)


async def drained(talk: Talk, edge: str) -> None:
    """Has an edge drained, and waits until that is seen."""
    order = {"standing": "draining", "reason": "new disks"}
    status, body, _ = await talk.call("PUT", f"/v1/edges/{edge}/standing", "operator", json=order)
    assert status == 200, body
    async with asyncio.timeout(10):
        while True:
            _, told, _ = await talk.call("GET", "/play/a.json")
            if edge not in [other["edge_id"] for other in told.get("edges", ())]:
                return
            await asyncio.sleep(0.02)


async def test_a_player_that_begins_keeps_its_edge_and_is_told_of_the_others(filled: Talk) -> None:
    best, *others = [edge["edge_id"] for edge in await filled.route(CLIENTS["eu"])]
    manifest = await Player(filled).ask()

    assert manifest["VERSION"] == 1
    assert 15 <= manifest["TTL"] <= 20
    assert manifest["PATHWAY-PRIORITY"] == ["here", *others, best]
    assert manifest["PATHWAY-CLONES"] == [
        {"BASE-ID": "here", "ID": name, "URI-REPLACEMENT": {"HOST": f"{name}.example.org"}}
        for name in (*others, best)
    ]


async def test_then_it_stays_on_the_best_edge(filled: Talk) -> None:
    player = Player(filled)
    best = (await filled.route(CLIENTS["eu"]))[0]["edge_id"]
    pathways = [(await player.ask())["PATHWAY-PRIORITY"][0] for _ in range(4)]

    assert pathways == ["here", best, best, best]


async def test_all_players_leave_a_drained_edge_in_their_next_manifest(filled: Talk) -> None:
    players = [Player(filled) for _ in range(8)]
    for player in (*players, *players):
        await player.ask()
    [edge] = {player.pathway for player in players}
    await drained(filled, edge)
    manifests = [await player.ask() for player in players]

    assert all(edge not in manifest["PATHWAY-PRIORITY"] for manifest in manifests)
    assert {player.pathway for player in players} == {"eu-1", "eu-2"} - {edge}


async def test_a_player_that_has_fled_is_left_where_it_is(filled: Talk) -> None:
    player = Player(filled)
    for _ in range(2):
        await player.ask()
    player.pathway = "us-1"

    assert (await player.ask())["PATHWAY-PRIORITY"][0] == "us-1"


@pytest.mark.parametrize(("cmcd", "expected"), [("bl=20000", "eu-1"), ("bl=20000,bs", "eu-2")])
async def test_a_player_that_ran_dry_is_sent_elsewhere(
    filled: Talk, cmcd: str, expected: str
) -> None:
    session = f"session=abcdefghijkl&edge=eu-1&since={int(time.time()) - 100}"
    path = f"/steer/a?{session}&_HLS_pathway=eu-1"
    _, manifest, _ = await filled.call("GET", path, headers={**EUROPE, "CMCD-Request": cmcd})

    assert manifest["PATHWAY-PRIORITY"][0] == expected


async def test_without_an_edge_a_player_is_to_keep_what_it_has_and_ask_again(filled: Talk) -> None:
    for edge in EDGES:
        await drained(filled, edge)
    status, _, fields = await filled.call("GET", "/steer/a", headers=EUROPE)

    assert status == 503
    assert fields["Retry-After"] == "2"
    assert fields["Access-Control-Allow-Origin"] == "*"


async def test_nobody_is_steered_in_a_video_that_there_is_not(filled: Talk) -> None:
    status, _, fields = await filled.call("GET", "/steer/b", headers=EUROPE)

    assert (status, fields["Access-Control-Allow-Origin"]) == (404, "*")


@pytest.mark.parametrize(
    "query",
    [
        "session=&edge=%00&since=-1&share=NaN&left=,,.,..",
        "session=aaaaaaaaaaaa&edge=eu-1&edge=eu-2&since=99999999999999999999&left=" + "x." * 2000,
        "_HLS_pathway=%22%22&_HLS_throughput=1e400&CMCD=%ff%fe,bl=-,bs,mtp=" + "9" * 400,
        "session=aaaaaaaaaaaa&edge=here&_HLS_pathway=here",
    ],
)
async def test_garbage_in_the_query_gives_a_valid_manifest(filled: Talk, query: str) -> None:
    headers = {**EUROPE, "CMCD-Request": "bl=" + "9" * 400}
    status, body, _ = await filled.call("GET", f"/steer/a?{query}", headers=headers)

    assert status == 200
    assert set(body["PATHWAY-PRIORITY"]) == {*EDGES, "here"}
    assert len(body["RELOAD-URI"]) < 600


async def test_players_ask_again_where_the_settings_say(tmp_path: Path) -> None:
    steering = SteeringSettings(ttl=2, url="https://play.example.org/steer/")
    async with control_plane(control_settings(tmp_path, steering=steering)) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        _, manifest, _ = await talk.call("GET", "/steer/a")

    assert manifest["RELOAD-URI"].startswith("https://play.example.org/steer/a?session=")
    assert manifest["TTL"] == 1


async def test_an_edge_at_another_port_is_no_clone(talk: Talk) -> None:
    await talk.publish()
    for edge in ("eu-1", "eu-2"):
        await talk.beat(edge)
    await talk.beat("us-1", url="https://us-1.example.org:8443")

    assert set((await Player(talk).ask())["PATHWAY-PRIORITY"]) == {"here", "eu-1", "eu-2"}


async def test_in_a_large_region_players_keep_their_edge_and_are_told_of_another_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"eu-{number}" for number in range(1, NEAR + 9)]
    for name in names:
        monkeypatch.setitem(TOKENS, name, f"{name}-token-for-tests")
    async with control_plane(control_settings(tmp_path)) as talk:
        await talk.publish()
        for name in (*names, "us-1"):
            await talk.beat(name)
        ranked = [edge["edge_id"] for edge in await talk.route(CLIENTS["eu"])]
        last = next(name for name in reversed(ranked) if name in names)
        player = Player(talk)
        await player.ask()
        player.pathway = last
        manifests = [await player.ask() for _ in range(2)]

    assert ranked.index(last) >= NEAR
    for manifest in manifests:
        assert manifest["PATHWAY-PRIORITY"][0] == last
        assert "us-1" in manifest["PATHWAY-PRIORITY"]
        assert len(manifest["PATHWAY-CLONES"]) == SteeringSettings().clones


async def test_the_sessions_of_an_edge_that_is_gone_go_where_there_is_room(filled: Talk) -> None:
    await filled.beat("eu-2", bandwidth=10**9, sending=9 * 10**8)
    session = "edge=gone&since=1&session=session-"
    asked = [
        await filled.call("GET", f"/steer/a?{session}{number:04}", headers=EUROPE)
        for number in range(20)
    ]

    assert {manifest["PATHWAY-PRIORITY"][0] for _, manifest, _ in asked} == {"eu-1"}
