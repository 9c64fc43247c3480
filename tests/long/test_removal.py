"""``kill -9`` of each role while a version is removed: the next start finishes what was ordered."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.fleet_service import Fleet, running_fleet
from tests.integration.test_edge_removal import stored

SEGMENTS = 100


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with running_fleet(tmp_path) as made:
        for version in ("1", "2"):
            await made.operator.announce(await made.store.package(version, segments=SEGMENTS))
        await made.until_held(2)
        yield made


async def proven(fleet: Fleet, removal_id: str) -> None:
    """Version 2 is gone from everywhere, and version 1 is as it was."""
    removal = await fleet.operator.until_done(removal_id)
    assert [edge["state"] for edge in removal["edges"]] == ["confirmed"]
    assert {key.split("/")[0] for key in await fleet.store.keys()} == {"1"}
    assert await fleet.statuses("2") <= {404, 410}
    assert await fleet.statuses("1") == {200}
    assert await fleet.operator.current() == "1"
    await fleet.edge.kill()
    assert await asyncio.to_thread(stored, fleet.cache, "v/a/2/") == []


@pytest.mark.parametrize("after", [0.05, 0.4, 1.0])
async def test_an_edge_that_is_killed_while_it_removes_finishes_after_its_next_start(
    fleet: Fleet, after: float
) -> None:
    _, removal = await fleet.operator.remove("2")
    await asyncio.sleep(after)
    await fleet.edge.kill()
    await fleet.edge.start()

    # From the first request on, whether it had learnt of the removal before or not.
    assert await fleet.statuses("2") <= {404, 410}
    await proven(fleet, removal["removal_id"])


async def test_an_edge_that_was_dead_when_a_version_was_removed_never_serves_it_again(
    fleet: Fleet,
) -> None:
    await fleet.edge.kill()
    _, removal = await fleet.operator.remove("2")
    await fleet.edge.start()

    assert await fleet.statuses("2") <= {404, 410}
    await proven(fleet, removal["removal_id"])


@pytest.mark.parametrize("origin_is_there", [True, False])
async def test_a_control_plane_that_is_killed_after_its_answer_has_lost_nothing(
    fleet: Fleet, origin_is_there: bool
) -> None:
    if not origin_is_there:
        await fleet.origin.kill()
    _, removal = await fleet.operator.remove("2")
    await fleet.control.kill()
    if not origin_is_there:
        assert len(await fleet.store.keys()) == 2 * (SEGMENTS + 2)
        await fleet.origin.start()
    await fleet.control.start()

    await proven(fleet, removal["removal_id"])


@pytest.mark.parametrize("after", [0.02, 0.1])
async def test_an_origin_that_is_killed_while_it_deletes_goes_on_later(
    fleet: Fleet, after: float
) -> None:
    _, removal = await fleet.operator.remove("2")
    await asyncio.sleep(after)
    await fleet.origin.kill()
    await asyncio.sleep(0.5)
    await fleet.origin.start()

    await proven(fleet, removal["removal_id"])
