"""Routes over real sockets: which playlist, what is told of them, hostile requests, and floods."""

import asyncio
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from common.messages import Profile
from control_plane.api.floods import PlaySettings
from tests.integration.control_service import (
    CLIENTS,
    TOKENS,
    Talk,
    control_plane,
    control_settings,
)

pytestmark = pytest.mark.usefixtures("geoip")

FILM = {"profiles": tuple(Profile)}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 9_3 like Mac OS X) AppleWebKit/601.1 Mobile/13E233"


async def film(talk: Talk, **changes: Any) -> Talk:
    """A control plane with an asset of all profiles on two edges of each of two regions."""
    await talk.publish("film", **FILM, **changes)
    for edge in ("eu-1", "us-1"):
        await talk.beat(edge)
        await talk.hold(edge, ("film", "1"))
    return talk


ASKED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("", {}, "main"),
    ("", {"User-Agent": IPHONE}, "ts"),
    ("", {"Save-Data": "on"}, "data-saver"),
    ("", {"Downlink": "0.9"}, "data-saver"),
    ("", {"ECT": "slow-2g"}, "audio-only"),
    ("", {"User-Agent": "Sonos/70.3"}, "audio-only"),
    ("", {"CMCD-Request": "mtp=700"}, "data-saver"),
    ("?CMCD=mtp%3D25000", {"Downlink": "0.9"}, "main"),
    ("?max_height=720", {}, "up-to-720p"),
    ("?codecs=avc1.640028%2Cmp4a.40.2", {}, "no-hevc-av1"),
    ("?profile=up-to-720p", {"Save-Data": "on"}, "up-to-720p"),
    ("?profile=../../secret&x=1&x=2&%00=%ff", {}, "main"),
    (f"?max_height={'9' * 3000}&codecs={'x,' * 1000}", {}, "main"),
    (f"?CMCD={'%2C' * 2000}", {"CMCD-Object": "," * 4000, "CMCD-Status": "é"}, "main"),
    ("?CMCD=%00%ff%22", {"User-Agent": "(" * 7000}, "main"),
    ("", {"Downlink": "1e999", "RTT": "-0", "Sec-CH-DPR": "nan"}, "main"),
    ("", {"Accept": ",;q=" * 900, "Sec-CH-UA-Platform": '"' * 99}, "main"),
    ("", {"Sec-CH-Viewport-Width": "1" * 3000, "Sec-CH-UA-Mobile": '"' * 99}, "main"),
)


async def test_a_viewer_gets_the_playlist_that_suits_whatever_else_it_sends(talk: Talk) -> None:
    await film(talk)
    got = []
    for query, fields, _ in ASKED:
        status, _, answer = await talk.call("GET", f"/play/film{query}", headers=fields)
        got.append((query, fields, answer.get("Location", str(status))))

    folder = "https://eu-1.example.org/v/film/1"
    assert got == [(query, fields, f"{folder}/{name}.m3u8") for query, fields, name in ASKED]


async def test_an_answer_tells_on_what_it_depends_and_what_it_wants_to_know(talk: Talk) -> None:
    await film(talk)
    _, _, fields = await talk.call("HEAD", "/play/film")

    assert fields["Cache-Control"] == "private, no-store"
    assert {"User-Agent", "Accept", "Downlink", "Save-Data"} <= set(fields["Vary"].split(", "))
    assert "Sec-CH-UA-Mobile" in fields["Accept-CH"].split(", ")
    assert fields["Access-Control-Allow-Origin"] == "*"


async def test_the_list_tells_which_playlist_and_why(talk: Talk) -> None:
    await film(talk)
    _, body, _ = await talk.call("GET", "/play/film.json", headers={"Save-Data": "on"})

    assert body["profile"] == "data-saver"
    assert body["decided_by"] == "the client asks to save data"
    assert body["edges"][0]["url"].endswith("/data-saver.m3u8")


async def test_a_region_with_no_edge_left_goes_on_in_the_next_by_distance(talk: Talk) -> None:
    await film(talk)
    await talk.beat("ap-1")
    for gone, left in (("eu-1", "us-1"), ("us-1", "ap-1")):
        await talk.beat(gone, ready=False)
        edges = await talk.route(CLIENTS["eu"], "film")
        assert edges[0]["edge_id"] == left
    await talk.beat("ap-1", ready=False)
    status, body, fields = await talk.call("GET", "/play/film")

    assert (status, fields["Retry-After"]) == (503, "2")
    assert body["detail"] == "No edge can serve asset 'film' now: try again soon."


async def test_a_full_region_leaves_viewers_to_the_next(talk: Talk) -> None:
    await film(talk)
    await talk.beat("eu-1", bandwidth=10**9, sending=10**9)
    edges = await talk.route(CLIENTS["eu"], "film")
    assert [edge["edge_id"] for edge in edges] == ["us-1", "eu-1"]
    assert "its region is full" in edges[1]["reason"]

    await talk.beat("us-1", bandwidth=10**9, sending=2 * 10**9)
    async with asyncio.timeout(30):
        while (await talk.route(CLIENTS["us"], "film"))[0]["edge_id"] != "eu-1":  # noqa: ASYNC110 - its doing
            await asyncio.sleep(0.02)


async def test_viewers_that_were_sent_fill_an_edge_before_it_says_so(talk: Talk) -> None:
    await film(talk)
    await talk.beat("eu-1", bandwidth=10**7)
    sent = [
        (await talk.call("GET", "/play/film", headers={"X-Forwarded-For": f"10.1.2.{number}"}))[2]
        for number in range(6)
    ]
    hosts = [fields["Location"].partition(".")[0] for fields in sent]

    assert hosts[0] == "https://eu-1"
    assert hosts[-1] == "https://us-1"


async def test_who_floods_is_told_to_wait_and_others_are_served(tmp_path: Path) -> None:
    settings = control_settings(tmp_path, play=PlaySettings(rate=1, burst=20))
    async with control_plane(settings) as talk:
        await film(talk)

        async def statuses(client: str, count: int, path: str = "/play/film") -> list[int]:
            headers = {"X-Forwarded-For": client}
            return [(await talk.call("GET", path, headers=headers))[0] for _ in range(count)]

        assert (await statuses("203.0.113.7", 20)) == [302] * 20
        assert 429 in await statuses("203.0.113.7", 20)
        assert 429 in await statuses("203.0.113.7", 20, "/play/film.json")
        assert (await statuses("203.0.113.8", 20)) == [302] * 20
        # Whoever has a /56 has 2^72 addresses.
        assert 429 in [
            (await statuses(f"2001:db8:0:1{number:02x}::{number}", 1))[0] for number in range(50)
        ]
        # What an untrusted client writes to the left of its address makes it nobody else.
        assert 429 in await statuses("198.51.100.1, 203.0.113.7", 20)
        status, body, fields = await talk.call(
            "GET", "/play/film", headers={"X-Forwarded-For": "203.0.113.7"}
        )

    assert (status, fields["Retry-After"]) == (429, "1")
    assert body["detail"] == "The client 203.0.113.7 asks too often: wait a second."
    assert fields["Access-Control-Allow-Origin"] == "*"


async def test_without_any_database_viewers_get_the_operators_order(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, geoip=())) as talk:
        await film(talk)
        edges = await talk.route(CLIENTS["us"], "film")
        status, body = await explained(talk, asset="film", ip=CLIENTS["us"])

    assert [edge["edge_id"] for edge in edges] == ["eu-1", "us-1"]
    assert status == 200
    assert {"step": "place", "told": "No database tells where it is."} in body["steps"]


async def explained(talk: Talk, name: str | None = "operator", **query: str) -> tuple[int, Any]:
    status, body, _ = await talk.call("GET", "/v1/explain", name, params=query)
    return status, body


async def test_an_operator_is_told_step_by_step_why(talk: Talk) -> None:
    await film(talk)
    status, body = await explained(
        talk, asset="film", ip=CLIENTS["us"], ua=IPHONE, save_data="on", cmcd="mtp=9000"
    )
    told = {step["step"]: step["told"] for step in body["steps"]}

    assert status == 200
    assert (body["client"], body["profile"]) == (CLIENTS["us"], "ts")
    assert list(told) == [
        *("address", "zone", "place", "policy", "regions"),
        *("device", "bandwidth", "profile", "edge"),
    ]
    assert told["device"].startswith("It is a phone (iPhone, iOS 9")
    assert told["bandwidth"] == (
        "Its network carries 9.00 Mbit/s: the player has measured it. It asks to save data."
    )
    assert told["edge"].startswith("It is sent to us-1: holds the version; North America is 0 km")
    assert [edge["edge_id"] for edge in body["edges"]] == ["us-1", "eu-1"]


REFUSED: tuple[tuple[str | None, dict[str, str], int], ...] = (
    (None, {"asset": "film", "ip": "192.0.2.1"}, 401),
    ("eu-1", {"asset": "film", "ip": "192.0.2.1"}, 403),
    ("operator", {"ip": "192.0.2.1"}, 400),
    ("operator", {"asset": "film"}, 400),
    ("operator", {"asset": "film", "ip": "999.1.1.1"}, 400),
    ("operator", {"asset": "film", "ip": "1" * 5000}, 400),
    ("operator", {"asset": "nothing", "ip": "192.0.2.1"}, 404),
    ("operator", {"asset": "x" * 5000, "ip": "192.0.2.1"}, 404),
)


async def test_what_cannot_be_explained_is_told_so(talk: Talk) -> None:
    await film(talk)
    for name, query, status in REFUSED:
        got, body = await explained(talk, name, **query)
        assert (got, query) == (status, query)
        assert body["detail"].endswith((".", "`.")), body
    status, body = await explained(
        talk, asset="film", ip="::ffff:192.0.2.1", ua="\x00" * 2000, downlink="x" * 999
    )
    assert (status, body["client"]) == (200, "192.0.2.1")


async def test_the_command_prints_the_steps(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings) as talk:
        await film(talk)
        words = ("explain", "film", "--ip", CLIENTS["us"], "--with", "save-data=on")
        where = ("--control", f"http://127.0.0.1:{settings.listen.port}")
        process = await create_subprocess_exec(
            *(sys.executable, "-m", "deploy", *words, *where, "--token", TOKENS["operator"]),
            stdout=PIPE,
            stderr=PIPE,
        )
        output, errors = await process.communicate()
    lines = output.decode().splitlines()

    assert (process.returncode, errors) == (0, b"")
    assert lines[0] == f"address    The client's address is {CLIENTS['us']}."
    assert "policy     No policy says anything of it." in lines
    assert "profile    The playlist is data-saver: the client asks to save data." in lines
    assert lines[-2].startswith("  1. us-1: holds the version")
