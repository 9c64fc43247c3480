"""An edge and its control plane, both real and each a process, through crashes of either."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.fleet_service import Fleet, running_fleet
from tests.integration.test_edge_workers import eventually


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with running_fleet(tmp_path) as made:
        await made.operator.announce(await made.store.package("1"))
        await made.until_held(1)
        yield made


async def purged(fleet: Fleet, **what: Any) -> dict[str, Any]:
    """A purge, once the edge has carried it out."""
    status, purge, fields = await fleet.operator.talk.call(
        "POST", "/v1/purges", "operator", json=what
    )
    assert status == 202, purge

    async def done() -> bool:
        nonlocal purge
        _, purge, _ = await fleet.operator.talk.call("GET", fields["Location"], "operator")
        return [edge["state"] for edge in purge["edges"]] == ["confirmed"]

    await eventually(done)
    return dict(purge)


async def until_held(fleet: Fleet, version: str, asset: str = "a") -> None:
    """Waits until the edge holds a version whole."""

    async def held() -> bool:
        told = await fleet.operator.versions(asset)
        return any((each["version"], each["edges"]) == (version, 1) for each in told)

    await eventually(held)


async def result(fleet: Fleet, path: str) -> str:
    """What the cache did for a viewer."""
    got = await fleet.viewer.get(path)
    assert got.status == 200
    return got.cache


async def test_what_is_ordered_is_done_once_the_edge_has_confirmed_it(fleet: Fleet) -> None:
    packages = [await fleet.store.package(str(number), asset="b") for number in range(10, 30)]
    await asyncio.gather(*(fleet.operator.announce(package) for package in packages))
    await fleet.until_held(20, asset="b")
    for number in range(10, 20):
        await fleet.operator.remove(str(number), asset="b")
    await fleet.operator.announce(await fleet.store.package("40", asset="b"))
    await until_held(fleet, "40", asset="b")
    assert "hit" in await result(fleet, "/v/a/1/main.m3u8")
    await fleet.origin.kill()
    await purged(fleet, asset_id="a")

    assert (await fleet.viewer.get("/v/a/1/main.m3u8")).status >= 500
    assert "hit" in await result(fleet, "/v/b/40/main.m3u8")


async def test_orders_go_on_after_the_control_plane_was_killed(fleet: Fleet) -> None:
    await fleet.control.kill()
    assert "hit" in await result(fleet, "/v/a/1/main.m3u8")
    await fleet.control.start()
    await fleet.operator.announce(await fleet.store.package("2"))
    await purged(fleet, prefix="v/b/")
    _, removal = await fleet.operator.remove("1")
    await fleet.operator.until_done(removal["removal_id"])
    assert await fleet.statuses("1") <= {404, 410}

    await until_held(fleet, "2")
    assert "hit" in await result(fleet, "/v/a/2/main.m3u8")


async def test_an_edge_that_was_killed_catches_up_before_it_serves(fleet: Fleet) -> None:
    assert "hit" in await result(fleet, "/v/a/1/00000.m4s")
    await fleet.edge.kill()
    await fleet.origin.kill()
    status, _, _ = await fleet.operator.talk.call(
        "POST", "/v1/purges", "operator", json={"url": "/v/a/1/00000.m4s"}
    )
    assert status == 202
    await fleet.edge.start()

    # What it had before is not there any more, and nobody has it now.
    assert (await fleet.viewer.get("/v/a/1/00000.m4s")).status >= 500
    assert "hit" in await result(fleet, "/v/a/1/00001.m4s")

    await fleet.origin.start()
    await fleet.operator.announce(await fleet.store.package("2"))
    await fleet.until_held(2)
