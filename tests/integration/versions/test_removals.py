"""Removing versions, over real sockets, with a real origin."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from common.messages import PrefixDeletion, encode
from common.service import PeerSettings
from tests.integration.control_service import control_plane, control_settings
from tests.integration.edge_service import serving
from tests.integration.versions_service import (
    CONTROL_TOKEN,
    Operator,
    Origin,
    origin_of,
    with_origin,
)
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement


async def test_without_an_origin_in_the_settings_nothing_is_removed(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, geoip=())) as talk:
        await talk.beat("eu-1")
        await talk.publish()
        status, problem = await Operator(talk).remove()

        assert status == 501
        assert "settings have no table [origin]" in problem["detail"]
        assert await Operator(talk).current() == "1"


async def test_a_removed_version_is_gone_for_viewers_at_once_and_from_the_origin_soon(
    operator: Operator, origin: Origin
) -> None:
    for version in ("1", "2"):
        await operator.announce(await origin.package(version))
    before = await origin.keys()

    status, removal = await operator.remove("2")
    assert (status, removal["state"], removal["versions"]) == (202, "removing", ["2"])
    assert removal["current"] == "1"
    assert await operator.current() == "1"

    removal = await operator.until_empty(removal["removal_id"])
    assert removal["origin"]["deleted"] == 6
    assert await origin.keys() == {key for key in before if key.startswith("1/")}
    newer, older = await operator.versions()
    assert (newer["removed"], newer["removal_id"]) == (True, removal["removal_id"])
    assert (older["removed"], older["current"]) == (False, True)
    assert await operator.roll_back("2") == 410


async def test_edges_are_not_to_hold_what_is_removed(operator: Operator, origin: Origin) -> None:
    for version in ("1", "2"):
        await operator.announce(await origin.package(version))

    async def until_wanted(*versions: str) -> None:
        """Waits until the edge is told to hold these, whatever it knows."""
        async with asyncio.timeout(30):
            while True:
                desired = (await operator.talk.orders("eu-1", desired=2**50))["desired"]
                told = await operator.talk.beat("eu-1")
                found = sorted(package["version"] for package in desired["packages"])
                if found == [*versions] and told["desired_revision"] == desired["revision"]:
                    return
                await asyncio.sleep(0.01)

    await until_wanted("1", "2")
    await operator.remove("2")
    await until_wanted("1")
    await operator.remove()
    await until_wanted()


async def test_an_asset_is_gone_with_its_last_version(operator: Operator, origin: Origin) -> None:
    await operator.announce(await origin.package("1"))
    _, removal = await operator.remove("1")

    assert removal["current"] is None
    assert await operator.current() is None
    for path in ("/v1/assets/a", "/v1/assets/a/versions"):
        assert (await operator.talk.call("GET", path, "operator"))[0] == 404
    await operator.announce(await origin.package("2"))
    assert await operator.current() == "2"


async def test_a_removal_is_done_when_every_edge_has_confirmed_it(
    operator: Operator, origin: Origin
) -> None:
    await operator.announce(await origin.package("1"))
    answer = await operator.talk.beat("us-1")
    assert answer["removals_revision"] == 0
    _, removal = await operator.remove()
    name = removal["removal_id"]

    answer = await operator.talk.beat("us-1")
    orders = (await operator.talk.orders("us-1"))["removals"]
    assert answer["removals_revision"] == orders["revision"] != 0
    assert orders["removals"] == [{"removal_id": name, "prefixes": ["v/a/1"]}]

    await operator.confirm("us-1", name, "another")
    removal = await operator.until_empty(name)
    states = {edge["edge_id"]: edge["state"] for edge in removal["edges"]}
    assert states == {"eu-1": "pending", "us-1": "confirmed"}
    assert removal["state"] == "removing"

    await operator.confirm("eu-1", name)
    removal = await operator.until_done(name)
    assert removal["done_at"] >= removal["origin"]["confirmed_at"] > 1e9
    assert (await operator.talk.beat("us-1"))["removals_revision"] == 0


async def test_an_edge_that_is_away_is_waited_for(origin: Origin, tmp_path: Path) -> None:
    async with control_plane(with_origin(tmp_path, origin, heartbeat_timeout=1.0)) as talk:
        await talk.beat("eu-1")
        operator = Operator(talk)
        await operator.announce(await origin.package("1"))
        _, removal = await operator.remove()
        name = removal["removal_id"]

        await operator.until_empty(name)
        removal = await operator.until(name, lambda told: told["edges"][0]["state"] == "away")
        assert removal["state"] == "removing"
        assert (await talk.beat("eu-1"))["removals_revision"] != 0
        await operator.confirm("eu-1", name)
        await operator.until_done(name)


async def test_removing_twice_is_removing_once(operator: Operator, origin: Origin) -> None:
    for version in ("1", "2"):
        await operator.announce(await origin.package(version))
    _, first = await operator.remove("1")
    status, again = await operator.remove("1")
    assert (status, again["removal_id"]) == (202, first["removal_id"])
    await operator.confirm("eu-1", first["removal_id"])
    await operator.until_done(first["removal_id"])

    status, again = await operator.remove("1")
    assert (status, again["removal_id"], again["state"]) == (202, first["removal_id"], "done")
    _, whole = await operator.remove()
    assert whole["versions"] == ["2"]
    status, again = await operator.remove()
    assert (status, again["removal_id"]) == (202, whole["removal_id"])
    _, listed, _ = await operator.talk.call("GET", "/v1/removals", "operator")
    assert [each["removal_id"] for each in listed] == [whole["removal_id"], first["removal_id"]]


async def test_a_version_goes_with_the_one_that_has_its_objects(
    operator: Operator, origin: Origin
) -> None:
    await operator.announce(await origin.package("1"))
    await operator.announce(await origin.package("2", objects_of="3"))
    await operator.announce(await origin.package("3"))
    assert [each["objects_of"] for each in await operator.versions()] == [None, "3", None]
    _, removal = await operator.remove("3")

    assert removal["versions"] == ["2", "3"]
    assert await operator.current() == "1"
    await operator.until_empty(removal["removal_id"])
    assert {key[0] for key in await origin.keys()} == {"1"}


async def test_the_version_that_has_the_objects_of_a_removed_one_keeps_them(
    operator: Operator, origin: Origin
) -> None:
    await operator.announce(await origin.package("2", objects_of="3"))
    await operator.announce(await origin.package("3"))
    _, removal = await operator.remove("2")

    assert removal["versions"] == ["2"]
    assert await operator.current() == "3"
    await operator.until_empty(removal["removal_id"])
    keys = await origin.keys()
    assert {key[0] for key in keys} == {"3"}
    assert len(keys) == 6


async def test_a_version_goes_with_the_one_to_come_that_has_its_objects(
    operator: Operator, origin: Origin
) -> None:
    await operator.announce(await origin.package("1"))
    await operator.announce(await origin.package("2", objects_of="3"))
    _, removal = await operator.remove("2")
    assert removal["versions"] == ["2", "3"]
    assert removal["current"] == "1"
    await operator.until_empty(removal["removal_id"])
    assert {key[0] for key in await origin.keys()} == {"1"}

    assert await operator.announce(await origin.package("3")) == 410
    assert await operator.current() == "1"


async def test_a_version_that_another_control_plane_has_just_taken_keeps_its_objects(
    operator: Operator, origin: Origin, tmp_path: Path
) -> None:
    async with control_plane(with_origin(tmp_path, origin)) as talk:
        other = Operator(talk)
        await talk.beat("eu-1")
        await operator.announce(await origin.package("2", objects_of="3"))
        await until_current(other, "2")
        await operator.announce(await origin.package("3"))
        # It may not know of the later one yet.
        _, removal = await other.remove("2")
        assert removal["versions"] == ["2"]
        await until_current(other, "3")


async def test_an_asset_goes_with_the_version_that_is_on_its_way(
    operator: Operator, origin: Origin
) -> None:
    await operator.announce(await origin.package("2", objects_of="3"))
    _, removal = await operator.remove()
    assert removal["versions"] == ["2", "3"]
    await operator.until_empty(removal["removal_id"])

    assert await operator.announce(await origin.package("3")) == 410
    assert await operator.current() is None


async def test_what_is_announced_again_does_not_come_back_and_is_deleted_again(
    operator: Operator, origin: Origin
) -> None:
    told = await origin.package("1")
    await operator.announce(told)
    _, removal = await operator.remove()
    assert await operator.announce(told) == 410
    await operator.confirm("eu-1", removal["removal_id"])
    await operator.until_done(removal["removal_id"])
    assert await operator.announce(await origin.package("1")) == 410

    status, problem, _ = await operator.talk.call(
        "POST", "/v1/packages", "ingest", data=encode(told)
    )
    assert (status, problem["detail"]) == (
        410,
        "Version 1 of asset a was removed and does not come back.",
    )
    assert await operator.current() is None
    _, listed, _ = await operator.talk.call("GET", "/v1/removals", "operator")
    assert len(listed) == 2
    await operator.until_empty(listed[0]["removal_id"])
    assert await origin.keys() == set()


async def test_what_ingest_withdraws_is_refused_even_when_its_announcement_comes_later(
    operator: Operator, origin: Origin
) -> None:
    late = await origin.package("1", objects_of="2")
    for _ in range(2):
        assert await operator.withdraw("1") == 202
    assert await operator.announce(late) == 410
    assert await operator.current() is None

    _, listed, _ = await operator.talk.call("GET", "/v1/removals", "operator")
    (removal,) = listed
    await operator.confirm("eu-1", removal["removal_id"])
    await operator.until_done(removal["removal_id"])
    assert await operator.announce(late) == 410
    # The version that was to follow is none of what was withdrawn.
    assert await operator.announce(await origin.package("2")) == 201
    assert await operator.current() == "2"


async def test_what_ingest_withdraws_is_refused_after_a_restart_and_by_other_control_planes(
    origin: Origin, tmp_path: Path
) -> None:
    async with control_plane(with_origin(tmp_path, origin)) as talk:
        assert await Operator(talk).withdraw("1") == 202
    async with (
        control_plane(with_origin(tmp_path, origin)) as talk,
        control_plane(with_origin(tmp_path, origin)) as other,
    ):
        assert await Operator(talk).announce(await origin.package("1")) == 410
        # Announced here and withdrawn there, where nobody has heard of it yet.
        assert await Operator(talk).announce(await origin.package("3")) == 201
        assert await Operator(other).withdraw("3") == 202
        await talk.beat("eu-1")
        await until_current(Operator(talk), None)


async def test_ingest_can_withdraw_where_nothing_can_be_removed(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, geoip=())) as talk:
        await talk.beat("eu-1")
        await talk.publish()
        assert await Operator(talk).withdraw("1") == 202
        assert await Operator(talk).current() is None


async def test_another_control_plane_knows_within_its_refresh(
    operator: Operator, origin: Origin, tmp_path: Path
) -> None:
    async with control_plane(with_origin(tmp_path, origin)) as talk:
        other = Operator(talk)
        for version in ("1", "2", "3"):
            await operator.announce(await origin.package(version))
        await talk.beat("eu-1")
        await until_current(other, "3")
        await operator.roll_back("1")
        await until_current(other, "1")
        _, removal = await operator.remove("1")
        await until_current(other, "3")
        # Whichever the edge talks to.
        await other.confirm("eu-1", removal["removal_id"])
        for each in (operator, other):
            removal = await each.until_done(removal["removal_id"])
            assert (removal["versions"], removal["origin"]["deleted"]) == (["1"], 6)


async def until_current(operator: Operator, version: str | None) -> None:
    async with asyncio.timeout(30):
        while await operator.current() != version:  # noqa: ASYNC110 - it is another control plane's
            await asyncio.sleep(0.02)


async def test_a_removal_waits_for_an_origin_that_is_away(tmp_path: Path) -> None:
    async with origin_of(tmp_path) as origin:
        async with control_plane(with_origin(tmp_path, origin)) as talk:
            await talk.beat("eu-1")
            operator = Operator(talk)
            await operator.announce(await origin.package("1"))
            _, removal = await operator.remove()
            assert await operator.current() is None
            await operator.confirm("eu-1", removal["removal_id"])
            await operator.until(removal["removal_id"], lambda told: told["origin"]["trouble"])
        assert len(await origin.keys()) == 6
        # It died before the origin deleted anything; the next one knows what there is to do.
        async with origin.running(), control_plane(with_origin(tmp_path, origin)) as talk:
            removal = await Operator(talk).until_done(removal["removal_id"])
            assert removal["origin"]["trouble"] is None
            assert await origin.keys() == set()


async def test_a_version_at_which_the_origin_fails_does_not_hold_up_others(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/v/a/1/":
            return web.Response(status=500)
        return web.Response(body=encode(PrefixDeletion(request.path, 1, empty=True)))

    (port,) = free_ports(1)
    peer = PeerSettings(url=f"http://127.0.0.1:{port}", token=CONTROL_TOKEN)
    settings = control_settings(tmp_path, geoip=(), origin=peer)
    async with serving(answer, port), control_plane(settings) as talk:
        operator, names = Operator(talk), []
        for asset in ("a", "b", "c"):
            await operator.announce(announcement(asset))
            _, removal = await operator.remove(asset=asset)
            names.append(removal["removal_id"])

        for name in names[1:]:
            await operator.until_done(name)
        assert (await operator.removal(names[0]))["state"] == "removing"


LIES = {
    "no-json": b"<html>",
    "of-another-shape": b'{"deleted": -1}',
    "endless": b" " * 1_000_000,
}


@pytest.mark.parametrize("body", LIES.values(), ids=LIES)
async def test_an_origin_that_answers_nonsense_has_proven_nothing(
    tmp_path: Path, body: bytes
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    (port,) = free_ports(1)
    peer = PeerSettings(url=f"http://127.0.0.1:{port}", token=CONTROL_TOKEN)
    settings = control_settings(tmp_path, geoip=(), origin=peer)
    async with serving(answer, port), control_plane(settings) as talk:
        operator = Operator(talk)
        await operator.announce(announcement())
        _, removal = await operator.remove()
        removal = await operator.until(
            removal["removal_id"], lambda told: told["origin"]["trouble"]
        )

    assert "The origin does not delete what is removed" in removal["origin"]["trouble"]
    assert removal["origin"]["confirmed_at"] is None
