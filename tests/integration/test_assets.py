"""Assets over HTTP: listed in pages, looked for, edited; and counted when they are played."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.service import DatabaseSettings
from tests.integration.control_service import Talk, control_plane, control_settings
from tests.servers.databases import Server

pytestmark = pytest.mark.usefixtures("geoip")

WAITS = ("metadata.reading.SHOWN_WITHIN", "metadata.redis_cache.ANSWER_WITHIN")
PATCH = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a database that is slow is none that is away."""
    for name in WAITS:
        monkeypatch.setattr(f"control_plane.{name}", 30.0)


async def listed(talk: Talk, path: str = "/v1/assets") -> list[str]:
    status, body, _ = await talk.call("GET", path, "publisher")
    assert status == 200, body
    return [asset["asset_id"] for asset in body]


async def paged(talk: Talk, path: str) -> list[list[str]]:
    """The pages from ``path`` on, by their links."""
    pages: list[list[str]] = []
    while path:
        status, body, fields = await talk.call("GET", path, "publisher")
        assert status == 200, body
        pages.append([asset["asset_id"] for asset in body])
        link = re.fullmatch(r'<(/v1/assets\?[^>]+)>; rel="next"', fields.get("Link", ""))
        path = link[1] if link is not None else ""
    return pages


async def until_found(talk: Talk, query: str, names: list[str]) -> None:
    async with asyncio.timeout(30):
        while await listed(talk, f"/v1/assets?{query}") != names:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def edit(
    talk: Talk, body: str | dict[str, Any], asset: str = "a", **fields: str
) -> tuple[int, Any, dict[str, str]]:
    headers = {**PATCH, **{name.replace("_", "-"): value for name, value in fields.items()}}
    options = {"data": body} if isinstance(body, str) else {"json": body}
    return await talk.call("PATCH", f"/v1/assets/{asset}", "publisher", headers=headers, **options)


async def test_assets_are_listed_in_pages_the_newest_first(talk: Talk) -> None:
    for number in range(5):
        await talk.publish(f"a{number}", creator="carol" if number % 2 else "dave")

    assert await paged(talk, "/v1/assets?limit=2") == [["a4", "a3"], ["a2", "a1"], ["a0"]]
    assert await paged(talk, "/v1/assets?limit=1&creator=carol") == [["a3"], ["a1"]]
    assert await listed(talk) == ["a4", "a3", "a2", "a1", "a0"]
    assert await listed(talk, "/v1/assets?creator=nobody") == []


async def test_assets_are_found_and_paged(talk: Talk) -> None:
    for number in range(5):
        await talk.publish(f"a{number}", title=f"Käse {number}", creator="carol")
    await until_found(talk, "q=kase", ["a4", "a3", "a2", "a1", "a0"])
    # Edited earlier, it might be noted before older ones, and be found in that place.
    await edit(talk, {"tags": ["Brie"]}, "a3")

    pages = await paged(talk, "/v1/assets?q=K%C3%84S&limit=2&creator=carol")
    assert pages == [["a4", "a3"], ["a2", "a1"], ["a0"]]
    assert await listed(talk, "/v1/assets?tag=brie") == ["a3"]
    assert await listed(talk, "/v1/assets?q=kase&tag=feta") == []


async def test_an_edit_is_shown_found_and_stays_through_new_versions(talk: Talk) -> None:
    await talk.publish(title="As announced", poster="v/a/1/poster.jpg")
    said = {"title": "Mine", "description": "One\nand two", "tags": ["a", "b"]}
    status, body, fields = await edit(talk, said)
    assert (status, fields["Etag"]) == (200, '"edit-1"')
    assert body["edited_at"] is not None

    await talk.publish(version="2", title="As announced again")
    _, shown, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert {name: shown[name] for name in said} == said
    assert (shown["version"], shown["poster"], shown["plays"]) == ("2", None, 0)
    await until_found(talk, "q=mine", ["a"])
    _, page, _ = await talk.call("GET", "/", "operator")
    assert "Mine" in page
    assert "As announced again" not in page

    _, body, _ = await edit(talk, {"title": None, "tags": None})
    assert (body["title"], body["tags"]) == ("As announced again", [])
    assert body["description"] == "One\nand two"


async def test_who_edits_what_they_have_not_seen_is_told(talk: Talk) -> None:
    await talk.publish()
    _, _, fields = await talk.call("GET", "/v1/assets/a", "publisher")
    status, _, _ = await edit(talk, {"title": "first"}, if_match=fields["Etag"])
    assert status == 200

    status, problem, _ = await edit(talk, {"title": "second"}, if_match=fields["Etag"])
    assert status == 412
    assert problem["detail"].startswith("Somebody has edited asset a meanwhile")
    for condition in ('W/"edit-1"', "nonsense"):
        assert (await edit(talk, {"title": "x"}, if_match=condition))[0] == 412
    for condition in ('"other", "edit-1"', "*"):
        status, _, _ = await edit(talk, {"title": "first"}, if_match=condition)
        assert status == 200


BAD_EDITS = {
    "": 422,
    "[]": 422,
    '{"asset_id": "b"}': 422,
    '{"title": "a\\u0000b"}': 422,
    '{"title": "' + "x" * 513 + '"}': 422,
    " " * 70_000: 413,
    "[" * 60_000: 422,
}


async def test_bad_edits_are_told_in_a_sentence(talk: Talk) -> None:
    await talk.publish()
    for body, status in BAD_EDITS.items():
        got, problem, _ = await edit(talk, body)

        assert got == status, body[:50]
        assert "Traceback" not in problem["detail"]
    assert (await edit(talk, {}))[1]["title"] == "Video a"


async def test_who_may_not_edit_is_told(talk: Talk) -> None:
    await talk.publish()
    for name, status in ((None, 401), ("eu-1", 403), ("ingest", 403)):
        got, _, _ = await talk.call("PATCH", "/v1/assets/a", name, json={"title": "x"})
        assert got == status
    got, _, _ = await talk.call("PATCH", "/v1/assets/a", "operator", data={"title": "x"})
    assert got == 415
    assert (await edit(talk, {"title": "x"}, "nothing"))[0] == 404


ABSURD = (
    "limit=0",
    "limit=1001",
    "limit=99999999999999999999",
    "limit=-1",
    "limit=%D9%A1",
    "cursor=nonsense",
    "cursor=%00",
    "q=cat&cursor=kqkAAAAA",
    "q=" + "x" * 201,
    "q=" + "x+" * 11,
    "q=%22*(",
    "tag=",
    "tag=" + "x" * 65,
    "creator=",
    "sort=oldest",
)


async def test_absurd_parameters_are_refused_in_a_sentence(talk: Talk) -> None:
    for query in ABSURD:
        status, problem, _ = await talk.call("GET", f"/v1/assets?{query}", "publisher")

        assert status == 400, query
        assert problem["detail"].endswith("."), query


async def test_plays_are_counted(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        await until_found(talk, "q=video", ["a"])
        for path in ("/play/a", "/play/a", "/play/a.json", "/play/nothing"):
            await talk.call("GET", path)
        await talk.call("HEAD", "/play/a")
    # What was counted is written down at the end.
    async with control_plane(settings) as talk:
        _, shown, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert shown["plays"] == 2


async def test_what_is_removed_is_not_found_any_more(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings) as talk:
        await talk.publish()
        await edit(talk, {"title": "Mine"})
        await talk.call("DELETE", "/v1/packages/a/1", "ingest")

        assert await listed(talk, "/v1/assets?q=mine") == await listed(talk) == []
        assert (await edit(talk, {"title": "x"}))[0] == 404


@pytest.fixture
async def two(
    tmp_path: Path, mongodb_server: Server, redis_server: Server
) -> AsyncIterator[tuple[Talk, Talk]]:
    """Two control planes on the same MongoDB and Redis."""
    database = DatabaseSettings(mongodb=mongodb_server.url, name=f"assets_{tmp_path.name[-50:]}")
    first, second = (
        control_settings(tmp_path, database=database, redis=redis_server.url) for _ in range(2)
    )
    async with control_plane(first) as one, control_plane(second) as other:
        yield one, other


async def test_another_control_plane_shows_an_edit(two: tuple[Talk, Talk]) -> None:
    one, other = two
    await one.publish()

    async def title() -> str:
        _, shown, _ = await other.call("GET", "/v1/assets/a", "operator")
        return str(shown.get("title"))

    async with asyncio.timeout(30):
        while await title() != "Video a":  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    for number in range(3):
        await edit(one, {"title": f"edit {number}"})
        assert (await title()) == f"edit {number}"
    await until_found(other, "q=edit", ["a"])
