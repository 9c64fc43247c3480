"""The feed over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from common.errors import Unavailable
from common.messages import Watched
from control_plane.app import watching
from tests.integration.control_service import CLIENTS, Talk, control_plane, control_settings

pytestmark = pytest.mark.usefixtures("geoip")

WAITS = ("metadata.reading.SHOWN_WITHIN", "feed.feed.FOLLOWS_WITHIN")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a database that is slow is none that is away."""
    for name in WAITS:
        monkeypatch.setattr(f"control_plane.{name}", 30.0)


async def page(talk: Talk, name: str | None = None, **query: Any) -> dict[str, Any]:
    status, body, _ = await talk.call("GET", "/v1/feed", name, params=query)
    assert status == 200, body
    return dict(body)


async def pages(talk: Talk, name: str | None = None, limit: int = 2) -> list[list[str]]:
    told = await page(talk, name, limit=limit)
    found = [told]
    while told["next"] is not None:
        told = await page(talk, name, limit=limit, cursor=told["next"])
        found.append(told)
    return [[entry["asset_id"] for entry in each["entries"]] for each in found]


async def test_anybody_gets_what_is_new_with_where_they_get_it(filled: Talk) -> None:
    await filled.publish("b", creator="carol", poster="v/b/1/p.jpg", preview="v/b/1/p.webp")
    for edge in ("eu-1", "us-1", "ap-1"):
        await filled.hold(edge, ("a", "1"), ("b", "1"))
    said = {"title": "Mine", "description": "x" * 400, "tags": ["t"]}
    await filled.call("PATCH", "/v1/assets/b", "operator", json=said)
    status, body, fields = await filled.call(
        "GET", "/v1/feed", headers={"X-Forwarded-For": CLIENTS["ap"]}
    )

    assert status == 200
    assert fields["Cache-Control"] == "private, no-store"
    first, second = body["entries"]
    assert body["next"] is None
    assert second["play"] == "https://ap-1.example.org/v/a/1/main.m3u8"
    assert (second["title"], second["channel"], second["poster"]) == ("Video a", None, None)
    assert first.pop("published_at") >= second["published_at"]
    assert first == {
        "asset_id": "b",
        "title": "Mine",
        "description": "x" * 299 + "…",
        "duration": 20.0,
        "channel": "carol",
        "tags": ["t"],
        "plays": 0,
        "poster": "https://ap-1.example.org/v/b/1/p.jpg",
        "preview": "https://ap-1.example.org/v/b/1/p.webp",
        "play": "https://ap-1.example.org/v/b/1/main.m3u8",
    }


async def test_pages_go_on_where_the_last_one_ended_whatever_is_published(talk: Talk) -> None:
    await talk.beat("eu-1")
    for number in range(5):
        await talk.publish(f"a{number}")
    first = await page(talk, limit=2)
    await talk.publish("new")
    second = await page(talk, limit=2, cursor=first["next"])
    third = await page(talk, limit=2, cursor=second["next"])

    told = [[entry["asset_id"] for entry in each["entries"]] for each in (first, second, third)]
    assert told == [["a4", "a3"], ["a2", "a1"], ["a0"]]
    assert third["next"] is None


async def test_what_nobody_can_serve_is_left_out(talk: Talk) -> None:
    await talk.publish()

    assert await page(talk) == {"entries": [], "next": None}


async def test_who_follows_channels_gets_theirs_and_what_is_popular(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.feed.popular.READ_EVERY", 0.05)
    monkeypatch.setattr("control_plane.planning.demand.SAVED_EVERY", 0.0)

    async def follows(user_id: str) -> tuple[str, ...]:
        return {"u1": ("carol", "nobody"), "u2": (), "u3": ("nobody",)}[user_id]

    monkeypatch.setattr(watching, "_no_follows", follows)
    monkeypatch.setattr(watching, "_user", lambda _, request: request.query.get("user"))
    async with control_plane(control_settings(tmp_path)) as talk:
        for number in range(6):
            await talk.publish(f"c{number}", creator="carol")
        for name in ("d0", "d1", "d2"):
            await talk.publish(name, creator="dave")
        await talk.beat("eu-1", watched=(Watched("c2", 4, 10**8), Watched("d1", 9, 10**9)))
        expected = ["c5", "c4", "c3", "d1", "c2", "c1", "c0"]

        async def ids(user: str) -> list[str]:
            told = await page(talk, user=user)
            return [entry["asset_id"] for entry in told["entries"]]

        async with asyncio.timeout(30):
            while (await ids("u1"))[: len(expected)] != expected:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
        # Of those who follow nobody, what is popular comes out of its order.
        assert (await ids("u2"))[:5] == ["d2", "d1", "d0", "c2", "c5"]
        assert await ids("u2") == await ids("u3") == await page_ids(talk)
        status, popular, _ = await talk.call("GET", "/v1/assets?sort=popular", "publisher")
        assert (status, popular[0]["asset_id"]) == (200, "d1")


async def test_without_the_database_of_users_it_is_everybodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.feed.feed.FOLLOWS_WITHIN", 0.01)

    async def away(user_id: str) -> tuple[str, ...]:
        if user_id == "u1":
            raise Unavailable(what="the database", reason="it is away")
        await asyncio.sleep(3600)
        return ()

    monkeypatch.setattr(watching, "_no_follows", away)
    monkeypatch.setattr(watching, "_user", lambda _, request: request.query.get("user"))
    async with control_plane(control_settings(tmp_path)) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        for user in ("u1", "u2"):
            told = await page(talk, user=user)
            assert [entry["asset_id"] for entry in told["entries"]] == ["a"]


async def page_ids(talk: Talk) -> list[str]:
    return [name for names in await pages(talk, limit=3) for name in names]


ABSURD = ("limit=0", "limit=101", "limit=x", "cursor=", "cursor=%00", "cursor=" + "A" * 1025)


async def test_absurd_parameters_are_refused_in_a_sentence(talk: Talk) -> None:
    for query in ABSURD:
        status, problem, fields = await talk.call("GET", f"/v1/feed?{query}")

        assert status == 400, query
        assert problem["detail"].endswith("."), query
        assert fields["Access-Control-Allow-Origin"] == "*"


async def test_a_token_that_nobody_has_is_refused(talk: Talk) -> None:
    status, _, _ = await talk.call("GET", "/v1/feed", headers={"Authorization": "Bearer x"})

    assert status == 401


async def test_pages_of_other_sites_may_ask_with_a_token(talk: Talk) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    status, _, fields = await talk.call("OPTIONS", "/v1/feed", headers=asked)

    assert status == 204
    assert fields["Access-Control-Allow-Origin"] == "*"
    assert fields["Access-Control-Allow-Headers"] == "Authorization"
    assert "Access-Control-Allow-Credentials" not in fields
