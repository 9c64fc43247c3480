"""Purges from the operator's request to what viewers get, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.messages import PurgeScope
from common.service import DatabaseSettings
from control_plane.purge import PurgeRecord, open_purge_log
from tests.integration.control_service import control_plane, control_settings
from tests.integration.purges_service import (
    PATHS,
    Fleet,
    Operator,
    Origin,
    fleet_in,
    origin_running,
)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with origin_running() as scripted:
        yield scripted


@pytest.fixture
async def fleet(tmp_path: Path, origin: Origin) -> AsyncIterator[Fleet]:
    """A control plane and an edge that run."""
    async with fleet_in(tmp_path, origin) as made, made.edge_running():
        yield made


SCOPES: list[Any] = [
    pytest.param({"asset_id": "a"}, PATHS[:3], id="asset"),
    pytest.param({"asset_id": "a", "version": "1"}, PATHS[:2], id="version"),
    pytest.param({"url": "https://any.example.org/v/a/1/main.m3u8?CMCD=x"}, PATHS[:1], id="url"),
    pytest.param({"prefix": "/v/a/1/x"}, PATHS[1:2], id="prefix"),
    pytest.param({"surrogate_key": "main.m3u8"}, (PATHS[0], *PATHS[2:]), id="surrogate-key"),
    pytest.param({"everything": True}, PATHS, id="everything"),
    pytest.param({"asset_id": "z"}, (), id="nothing"),
]


@pytest.mark.parametrize(("asked", "taken"), SCOPES)
async def test_a_purge_that_is_done_holds_for_every_viewer(
    fleet: Fleet, asked: dict[str, Any], taken: tuple[str, ...]
) -> None:
    await fleet.fill()
    view = await fleet.operator.purge(**asked, soft=True, wait=20)

    assert (view["state"], view["sequence"], view["soft"]) == ("done", 1, True)
    assert await fleet.asked_again() == dict.fromkeys(taken, '"x"')
    assert await fleet.asked_again() == {}

    view = await fleet.operator.purge(**asked, wait=20)
    (edge,) = view["edges"]
    assert (edge["edge_id"], edge["state"], view["sequence"]) == ("eu-1", "confirmed", 2)
    assert edge["confirmed_at"] >= view["created_at"]
    assert await fleet.asked_again() == dict.fromkeys(taken)
    assert await fleet.asked_again() == {}


async def test_purges_are_shown_with_who_asked_and_how_far_they_are(fleet: Fleet) -> None:
    first = await fleet.operator.purge(asset_id="a", wait=20)
    second = await fleet.operator.purge(url="/v/b/1/main.m3u8", wait=20)

    _, listed, _ = await fleet.operator.talk.call("GET", "/v1/purges", "operator")
    assert [each["purge_id"] for each in listed] == [second["purge_id"], first["purge_id"]]
    shown = await fleet.operator.purge_of(second["purge_id"])
    assert shown == listed[0] == second
    assert {name: shown[name] for name in ("scope", "value", "by", "state")} == {
        "scope": "url",
        "value": "v/b/1/main.m3u8",
        "by": "operator",
        "state": "done",
    }
    _, listed, _ = await fleet.operator.talk.call("GET", "/v1/purges?limit=1", "operator")
    assert [each["sequence"] for each in listed] == [2]


async def test_an_edge_that_was_away_catches_up_before_it_serves_again(
    tmp_path: Path, origin: Origin
) -> None:
    async with fleet_in(tmp_path, origin, heartbeat_timeout=1.0) as fleet:
        async with fleet.edge_running():
            await fleet.fill()

        async def away() -> bool:
            view = await fleet.operator.purge(url="/v/b/1/main.m3u8", soft=True)
            return (await fleet.operator.states(view["purge_id"])) == {"eu-1": "away"}

        await fleet.operator.until(away)
        view = await fleet.operator.purge(asset_id="a", wait=20)
        assert view["state"] == "done"
        assert [each["state"] for each in view["edges"]] == ["away"]

        async with fleet.edge_running():
            # The first requests that it can be asked.
            assert await fleet.asked_again() == {
                **dict.fromkeys(PATHS[:3]),
                PATHS[3]: '"x"',
            }
            view = await fleet.operator.purge_of(view["purge_id"], wait=20)
            assert [each["state"] for each in view["edges"]] == ["confirmed"]


async def test_where_the_log_was_trimmed_an_edge_that_was_away_validates_everything(
    tmp_path: Path, origin: Origin
) -> None:
    async with fleet_in(tmp_path, origin) as fleet, fleet.edge_running():
        await fleet.fill()
    log = await open_purge_log(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    await log.append(
        [PurgeRecord(f"p{n}", PurgeScope.PREFIX, "v/a/", False, "ops", 1.0) for n in range(5)]
    )
    await log.trim(keep=1, before=0.0)
    await log.close()

    # The edge's last run is forgotten soon enough for its next one.
    async with (
        fleet_in(tmp_path, origin, heartbeat_timeout=1.0) as fleet,
        fleet.edge_running(),
    ):
        assert await fleet.asked_again() == dict.fromkeys(PATHS, '"x"')
        view = await fleet.operator.purge_of("p4", wait=20)
        assert view["state"] == "done"


async def test_a_control_plane_that_ends_in_the_middle_goes_on_after_it(tmp_path: Path) -> None:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings) as talk:
        operator = Operator(talk)
        await talk.beat("eu-1")
        await talk.beat("eu-2")
        view = await operator.purge(asset_id="a")
        assert await operator.orders("eu-2", 0) is not None
        assert await operator.orders("eu-2", 1) is None

    async with control_plane(settings) as talk:
        operator = Operator(talk)
        await talk.beat("eu-1", started_at=200.0)
        await talk.beat("eu-2", started_at=200.0, purges=1)
        assert await operator.states(view["purge_id"]) == {"eu-1": "pending", "eu-2": "confirmed"}
        waiting = asyncio.create_task(operator.purge_of(view["purge_id"], wait=20))
        told = await operator.orders("eu-1", 0)
        assert told is not None
        assert [each["purge_id"] for each in told["purges"]] == [view["purge_id"]]
        assert await operator.orders("eu-1", 1) is None
        assert (await waiting)["state"] == "done"
        assert (await operator.purge(asset_id="b"))["sequence"] == 2


async def test_an_edge_that_waits_is_told_at_once_and_others_in_the_same_order(
    tmp_path: Path,
) -> None:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings) as talk:
        operator = Operator(talk)
        for edge in ("eu-1", "us-1"):
            await talk.beat(edge)

        async def follow(edge: str) -> list[str]:
            """Carries out 20 purges."""
            seen: list[str] = []
            while len(seen) < 20:
                if told := await operator.orders(edge, len(seen), wait=20):
                    assert told["since"] == len(seen)
                    seen += [each["purge_id"] for each in told["purges"]]
            return seen

        following = [asyncio.create_task(follow(edge)) for edge in ("eu-1", "us-1")]
        views = await asyncio.gather(*(operator.purge(asset_id=f"a{n}") for n in range(20)))
        order = [each["purge_id"] for each in sorted(views, key=lambda each: each["sequence"])]

        assert [await each for each in following] == [order, order]
        assert sorted(each["sequence"] for each in views) == list(range(1, 21))


async def test_a_storm_is_written_and_carried_out_while_viewers_are_answered(
    fleet: Fleet,
) -> None:
    await fleet.fill()
    counts: dict[int, int] = {}

    async def storm(first: int) -> None:
        for number in range(first, 5000, 50):
            status, _ = await fleet.operator.ask(url=f"/v/n/1/{number}.m4s", soft=number % 2 == 0)
            counts[status] = counts.get(status, 0) + 1

    storming = [asyncio.create_task(storm(first)) for first in range(50)]
    answered = 0
    while not all(each.done() for each in storming):
        got = await fleet.viewer.get(PATHS[answered % len(PATHS)])
        assert got.cache.startswith("hit"), got
        answered += 1
    await asyncio.gather(*storming)

    assert counts == {202: 5000}
    assert answered > 0
    view = await fleet.operator.purge(asset_id="a", wait=30)
    assert (view["sequence"], view["state"]) == (5001, "done")
    assert await fleet.asked_again() == dict.fromkeys(PATHS[:3])


async def test_two_control_planes_on_one_database_have_one_order(
    tmp_path: Path, mongodb_server: Any
) -> None:
    database = DatabaseSettings(mongodb=mongodb_server.url, name=f"purges_{tmp_path.name[-20:]}")
    changes: dict[str, Any] = {"geoip": (), "database": database}
    first, second = (control_settings(tmp_path, **changes) for _ in range(2))
    async with control_plane(first) as one, control_plane(second) as two:
        operators = (Operator(one), Operator(two))
        await one.beat("eu-1")
        views = await asyncio.gather(
            *(operators[number % 2].purge(asset_id=f"a{number}") for number in range(100))
        )
        order = [each["purge_id"] for each in sorted(views, key=lambda each: each["sequence"])]
        assert [each["sequence"] for each in sorted(views, key=lambda each: each["sequence"])] == [
            *range(1, 101)
        ]

        for operator in operators:

            async def all_told(operator: Operator = operator) -> bool:
                told = await operator.orders("eu-1", 0, wait=5)
                return told is not None and [each["purge_id"] for each in told["purges"]] == order

            await operator.until(all_told)

        # What an edge tells one of them, the other knows by its next heartbeat.
        assert await operators[0].orders("eu-1", 100) is None
        await one.beat("eu-1", purges=100)

        async def known() -> bool:
            return await operators[1].states(order[-1]) == {"eu-1": "confirmed"}

        await operators[1].until(known)


BAD: list[Any] = [
    ({}, 422, "Name exactly one of asset_id"),
    ({"asset_id": "a", "everything": True}, 422, "Name exactly one of asset_id"),
    ({"url": "/w/a"}, 422, "No edge has an object at '/w/a'"),
    ({"url": 7}, 422, "not a valid PurgeRequest"),
    ({"url": "/v/a/1/x", "hard": True}, 422, "not a valid PurgeRequest"),
    ({"asset_id": "../a"}, 422, "not a valid PurgeRequest"),
    ({"version": "1", "everything": True}, 422, "name asset_id with it"),
    ({"prefix": "x" * 3000}, 422, "not a valid PurgeRequest"),
    ({"prefix": "x" * 20_000}, 413, "more than the 16384 bytes"),
]


async def test_bad_input_is_refused_in_a_sentence_and_purges_nothing(talk: Any) -> None:
    operator = Operator(talk)
    for asked, status, sentence in BAD:
        got, problem = await operator.ask(**asked)
        assert (got, sentence in problem["detail"]) == (status, True), (asked, problem)
    for path in ("/v1/purges?wait=soon", "/v1/purges?wait=-1", "/v1/purges?wait=nan"):
        status, problem, _ = await talk.call("POST", path, "operator", json={"everything": True})
        assert (status, problem["detail"]) == (400, "wait has to be a number, 0 or above.")
    for body in (b"", b"{", b"\xff", b"[]", b'{"everything": ' + b"[" * 9000):
        fields = {"Content-Type": "application/json"}
        status, _, _ = await talk.call("POST", "/v1/purges", "operator", data=body, headers=fields)
        assert status == 422
    status, problem, _ = await talk.call("POST", "/v1/purges", "operator", data=b"{}")
    assert (status, "application/json" in problem["detail"]) == (415, True)
    status, _, _ = await talk.call("GET", "/v1/purges?limit=x", "operator")
    assert status == 400
    status, problem, _ = await talk.call("GET", "/v1/purges/none", "operator")
    assert (status, "There is no purge 'none'" in problem["detail"]) == (404, True)

    _, listed, _ = await talk.call("GET", "/v1/purges", "operator")
    assert listed == []


@pytest.mark.parametrize(
    ("name", "status"), [(None, 401), ("publisher", 403), ("eu-1", 403), ("ingest", 403)]
)
async def test_only_operators_purge(talk: Any, name: str | None, status: int) -> None:
    assert (await Operator(talk).ask(name, everything=True))[0] == status
    assert (await talk.call("GET", "/v1/purges", name))[0] == status
    assert (await talk.call("GET", "/v1/purges/x", name))[0] == status
