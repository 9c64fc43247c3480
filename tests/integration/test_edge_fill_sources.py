"""Whom an edge fills from: its shield, other edges, the origins; and who is passed over."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from common.messages import Neighbour, Neighbours
from common.service import TokenKeySettings
from edge.fetch.connection import Timeouts
from edge.settings import OriginSettings
from tests.integration.edge_service import IMMUTABLE, Origin, publish, serving, until
from tests.integration.region_service import (
    PACKAGE,
    Member,
    names_by_rank,
    region,
    scripted,
    want,
)
from tests.servers.processes import free_ports

NAMES = ("eu-1", "eu-2", "eu-3", "eu-4")
SEGMENT = "/v/a/1/720p/00002.m4s"
BODY = PACKAGE["720p/00002.m4s"]


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    (port,) = free_ports(1)
    made = Origin(port=port)
    async with serving(made.answer, port):
        yield made


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.app.TIMEOUTS", Timeouts(connect=1, first_byte=2, stall=1))


async def filled(*members: Member) -> None:
    """Waits until all of them hold the one package whole, and looks that it is right."""
    for member in members:
        await until(member.whole, within=20)
        for name, body in PACKAGE.items():
            async with member.viewer.get(f"/v/a/1/{name}") as response:
                # What those further on did is told before.
                said = response.headers.getall("Cache-Status")[-1].split(", ")[-1]
                assert said.startswith(f"nearcast-{member.name}; hit")
                assert await response.read() == body


async def test_the_origin_is_asked_once_for_all_edges_of_a_region(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    async with region(tmp_path, origin.url, NAMES) as members:
        want([*members.values()], package)
        await filled(*members.values())
        shield, *others = names_by_rank("a", NAMES)

        assert await members[shield].metric("nearcast_edge_bytes_from_shield_total") == 0
        for name in others:
            assert await members[name].metric("nearcast_edge_bytes_from_origin_total") == 0

    assert set(Counter(origin.asked).values()) == {1}
    assert len(origin.asked) == len(PACKAGE) + 1


async def test_viewers_of_all_edges_ask_the_origin_once_too(tmp_path: Path, origin: Origin) -> None:
    publish(origin, "1", PACKAGE)
    async with region(tmp_path, origin.url, NAMES) as members:

        async def got(member: Member) -> bytes:
            async with member.viewer.get(SEGMENT) as response:
                return await response.read()

        bodies = await asyncio.gather(*(got(each) for each in members.values() for _ in range(5)))

    assert set(bodies) == {BODY}
    assert origin.count(SEGMENT) == 1


async def test_edges_that_know_of_different_edges_have_the_origin_asked_all_the_same(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    unknown, first, second, _ = names_by_rank("a", NAMES)
    away = {unknown: f"http://127.0.0.1:{free_ports(1)[0]}"}
    async with region(tmp_path, origin.url, (first, second), away) as members:
        # One takes an edge for its shield of which the other has never heard.
        known = Neighbour(first, members[first].settings.url or "")
        members[second].control.neighbours = Neighbours(2, (known,))
        await until(lambda: members[second].control.asked[-1]["neighbours"] == 2)
        want([*members.values()], package)
        await filled(*members.values())

        assert await members[second].metric("nearcast_edge_bytes_from_origin_total") == 0


async def test_another_edge_is_asked_when_the_shield_is_away(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, first, second, _ = names_by_rank("a", NAMES)
    away = {shield: f"http://127.0.0.1:{free_ports(1)[0]}"}
    async with region(tmp_path, origin.url, (first, second), away) as members:
        want([members[first]], package)
        await filled(members[first])
        asked = len(origin.asked)
        want([members[second]], package)
        await filled(members[second])

        assert await members[second].metric("nearcast_edge_bytes_from_peers_total") > 1_000_000

    assert len(origin.asked) == asked == len(PACKAGE) + 1


async def test_the_origin_is_asked_when_no_edge_has_it(tmp_path: Path, origin: Origin) -> None:
    package = publish(origin, "1", PACKAGE)
    nobody = {name: f"http://127.0.0.1:{free_ports(1)[0]}" for name in NAMES[1:]}
    async with region(tmp_path, origin.url, NAMES[:1], nobody) as members:
        want([*members.values()], package)
        await filled(*members.values())

    assert set(Counter(origin.asked).values()) == {1}


async def test_a_shield_fills_from_other_edges_when_its_origins_are_away(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, other, *_ = names_by_rank("a", NAMES)
    async with region(tmp_path, origin.url, (shield, other)) as members:
        members[other].control.neighbours = Neighbours(2, ())
        await until(lambda: members[other].control.asked[-1]["neighbours"] == 2)
        want([members[other]], package)
        await filled(members[other])

        async def away(_: web.Request) -> web.Response:
            return web.Response(status=503)

        origin.scripts = dict.fromkeys(origin.objects, away)
        want([members[shield]], package)
        await filled(members[shield])


async def test_what_another_edge_stored_before_a_purge_that_it_has_not_heard_of_is_of_no_use(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, other, *_ = names_by_rank("a", NAMES)
    async with region(tmp_path, origin.url, (shield, other)) as members:
        want([*members.values()], package)
        await filled(*members.values())
        assert origin.count(SEGMENT) == 1

        # The shield has it all the time.
        members[other].control.purge(SEGMENT[1:])
        await until(lambda: origin.count(SEGMENT) == 2, within=20)
        members[shield].control.purge(SEGMENT[1:])
        await until(lambda: origin.count(SEGMENT) == 3, within=20)


async def test_the_next_origin_is_asked_when_the_first_fails(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)

    async def fails(_: web.Request) -> web.Response:
        return web.Response(status=500)

    async with scripted(fails) as broken:
        others = (OriginSettings(url=origin.url),)
        async with region(tmp_path, broken, NAMES[:1], fallback_origins=others) as members:
            want([*members.values()], package)
            await filled(*members.values())


async def test_an_edge_that_sends_wrong_bytes_is_passed_over_and_left_alone(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, other, *_ = names_by_rank("a", NAMES)
    asked: list[str] = []

    async def lies(request: web.Request) -> web.Response:
        asked.append(request.path)
        body = origin.objects[request.path]
        return web.Response(body=b"x" * len(body), headers=origin.fields(body))

    async with (
        scripted(lies) as liar,
        region(tmp_path, origin.url, (other,), {shield: liar}) as members,
    ):
        want([*members.values()], package)
        await filled(*members.values())

        assert await members[other].metric("nearcast_edge_source_wrong_bytes_total") >= 1

    # One for the manifest; then it is asked for nothing.
    assert asked == ["/v/a/1/manifest.json"]


async def test_an_edge_that_has_something_else_and_says_so_is_passed_over_for_that_alone(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, other, *_ = names_by_rank("a", NAMES)
    asked: list[str] = []

    async def differs(request: web.Request) -> web.Response:
        asked.append(request.path)
        body = b"old" if request.path == SEGMENT else origin.objects[request.path]
        return web.Response(body=body, headers=origin.fields(body))

    async with (
        scripted(differs) as liar,
        region(tmp_path, origin.url, (other,), {shield: liar}) as members,
    ):
        want([*members.values()], package)
        await filled(*members.values())

    assert len(asked) == len(PACKAGE) + 1
    assert origin.asked == [SEGMENT]


@pytest.mark.parametrize("how", ["stalls", "breaks off"])
async def test_what_one_source_leaves_off_the_next_goes_on_with(
    tmp_path: Path, origin: Origin, how: str
) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, other, *_ = names_by_rank("a", NAMES)
    ranges: list[str | None] = []

    async def half(request: web.Request) -> web.StreamResponse:
        if request.path != SEGMENT:
            body = origin.objects[request.path]
            return web.Response(body=body, headers=origin.fields(body))
        fields = {**origin.fields(BODY), "Content-Length": str(len(BODY))}
        response = web.StreamResponse(headers=fields)
        await response.prepare(request)
        await response.write(BODY[:100_000])
        if how == "stalls":
            await asyncio.sleep(20)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def rest(request: web.Request) -> web.Response:
        ranges.append(request.headers.get("Range"))
        assert request.headers["If-Range"] == origin.fields(BODY)["ETag"]
        told = {**origin.fields(BODY), "Content-Range": f"bytes 100000-299999/{len(BODY)}"}
        return web.Response(status=206, body=BODY[100_000:], headers=told)

    origin.scripts[SEGMENT] = rest
    async with (
        scripted(half) as broken,
        region(tmp_path, origin.url, (other,), {shield: broken}) as members,
    ):
        want([*members.values()], package)
        await filled(*members.values())

    assert ranges == ["bytes=100000-"]


async def test_an_object_that_changed_under_its_key_is_told_and_the_rest_goes_on(
    tmp_path: Path, origin: Origin
) -> None:
    changed = publish(origin, "1", PACKAGE)
    origin.objects[SEGMENT] = b"changed" * 1000
    whole = publish(origin, "1", PACKAGE, asset="b")
    async with region(tmp_path, origin.url, NAMES[:1]) as members:
        (member,) = members.values()
        want([member], changed, whole)
        await until(lambda: origin.count(SEGMENT) >= 3)
        await until(lambda: member.control.heartbeats[-1].fill_pending == 1)
        assert member.control.holdings is not None
        held = {each.asset_id: each for each in member.control.holdings.packages}
        assert held["b"].complete
        assert held["a"].objects_held == held["a"].objects_total - 1
        assert await member.metric("nearcast_edge_fill_changed_packages") == 1

        origin.objects[SEGMENT] = BODY
        await until(lambda: member.whole(2), within=20)
        assert await member.metric("nearcast_edge_fill_changed_packages") == 0


async def test_edges_with_tokens_let_each_other_in_and_keep_strangers_out(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    keys = (TokenKeySettings(key_id="k", secret="s" * 40),)
    async with region(tmp_path, origin.url, NAMES[:3], token_keys=keys) as members:
        want([*members.values()], package)
        for member in members.values():
            await until(member.whole, within=20)
            async with member.viewer.get("/v/a/1/main.m3u8") as response:
                assert response.status == 403

    assert set(Counter(origin.asked).values()) == {1}


async def test_an_edge_that_lets_nobody_in_is_passed_over(tmp_path: Path, origin: Origin) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, other, *_ = names_by_rank("a", NAMES)

    async def refuses(_: web.Request) -> web.Response:
        return web.Response(status=403)

    async with (
        scripted(refuses) as closed,
        region(tmp_path, origin.url, (other,), {shield: closed}) as members,
    ):
        want([*members.values()], package)
        await filled(*members.values())


async def test_neighbours_are_told_no_credential_of_the_origin(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    shield, other, *_ = names_by_rank("a", NAMES)
    heard: list[str | None] = []

    async def listens(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization"))
        body = origin.objects[request.path]
        headers = {**origin.fields(body), "Cache-Control": IMMUTABLE}
        return web.Response(body=body, headers=headers)

    async with (
        scripted(listens) as curious,
        region(tmp_path, origin.url, (other,), {shield: curious}) as members,
    ):
        want([*members.values()], package)
        await filled(*members.values())

    assert heard == [None] * (len(PACKAGE) + 1)
