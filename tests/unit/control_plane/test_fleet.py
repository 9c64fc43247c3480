"""The picture that the control plane keeps, on a real catalog, with a clock that the test moves."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.messages import EdgeState
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.fleet import AssetUnknown, EdgeUnknown, Fleet, RegionUnknown, Rules
from control_plane.routing import Region
from tests.unit.control_plane.records import announcement, heartbeat, holdings


class Clock:
    time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


RULES = Rules(
    regions=(Region("eu", "Europe", 50, 8), Region("us", "America", 39, -77)),
    copies_per_region=2,
    silence=3.0,
    patience=600.0,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqliteCatalog]:
    opened = await SqliteCatalog.open(tmp_path / "control.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
async def fleet(catalog: SqliteCatalog, clock: Clock) -> Fleet:
    made = Fleet(catalog, clock, RULES)
    await made.refresh()
    return made


async def test_a_publish_is_known_at_once(fleet: Fleet) -> None:
    with pytest.raises(AssetUnknown):
        fleet.asset("a")
    await fleet.publish(announcement())

    assert fleet.asset("a").current.announcement == announcement()


async def test_another_control_planes_publish_is_known_after_a_refresh(
    fleet: Fleet, catalog: SqliteCatalog
) -> None:
    await catalog.publish(announcement(), 1.0)
    await fleet.refresh()

    assert fleet.asset("a").current.published_at == 1.0


async def test_a_publish_during_a_refresh_does_not_vanish(
    fleet: Fleet, catalog: SqliteCatalog
) -> None:
    for number in range(20):
        await catalog.publish(announcement(f"other{number}"), 1.0)
        await asyncio.gather(fleet.refresh(), fleet.publish(announcement(f"mine{number}")))
        assert fleet.asset(f"mine{number}")
    await fleet.refresh()
    assert len(list(fleet.assets())) == 40


async def test_an_edge_falls_silent_and_comes_back(fleet: Fleet, clock: Clock) -> None:
    fleet.hear(heartbeat())
    (record,) = fleet.edges()
    assert fleet.state_of(record) is EdgeState.UP
    clock.time += 3
    assert fleet.state_of(record) is EdgeState.DOWN
    fleet.hear(heartbeat(sequence=2))
    (record,) = fleet.edges()
    assert fleet.state_of(record) is EdgeState.UP


async def test_a_silent_edge_keeps_its_packages_for_a_while(fleet: Fleet, clock: Clock) -> None:
    await fleet.publish(announcement())
    for edge in ("eu-1", "eu-2", "eu-3"):
        fleet.hear(heartbeat(edge))
    placed = fleet.wanted("a", "1")["eu"]
    others = {"eu-1", "eu-2", "eu-3"} - {placed[0]}

    clock.time += 599
    for edge in others:
        fleet.hear(heartbeat(edge, 2))
    assert fleet.wanted("a", "1")["eu"] == placed
    clock.time += 1
    await fleet.refresh()
    assert set(fleet.wanted("a", "1")["eu"]) == others
    with pytest.raises(EdgeUnknown):
        fleet.desired(placed[0])


async def test_an_edge_that_moves_is_placed_where_it_is(fleet: Fleet) -> None:
    await fleet.publish(announcement())
    fleet.hear(heartbeat("eu-1"))
    fleet.hear(heartbeat("eu-1", 2, region="us"))

    assert dict(fleet.wanted("a", "1")) == {"us": ("eu-1",)}


async def test_a_region_that_is_none_is_refused(fleet: Fleet) -> None:
    with pytest.raises(RegionUnknown, match="says it is in region 'mars'"):
        fleet.hear(heartbeat(region="mars"))


async def test_only_edges_that_are_up_serve(fleet: Fleet, clock: Clock) -> None:
    await fleet.publish(announcement())
    fleet.hear(heartbeat("eu-1"))
    fleet.hear(heartbeat("eu-2", ready=False))
    fleet.hear(heartbeat("us-1"))
    fleet.take_holdings(holdings("us-1", ("a", "1")))

    assert {edge.edge_id: edge.holds for edge in fleet.serving(announcement())} == {
        "eu-1": False,
        "us-1": True,
    }


async def test_holdings_of_an_edge_that_never_spoke_are_refused(fleet: Fleet) -> None:
    with pytest.raises(EdgeUnknown):
        fleet.take_holdings(holdings("eu-1"))


async def test_the_last_picture_serves_while_the_catalog_is_away(
    fleet: Fleet, catalog: SqliteCatalog
) -> None:
    await fleet.publish(announcement())
    await catalog.close()
    await fleet.refresh()

    assert fleet.away is not None
    assert fleet.asset("a")
    answer = fleet.hear(heartbeat())
    assert answer.desired_revision > 0
    assert [edge.edge_id for edge in fleet.serving(announcement())] == ["eu-1"]


async def test_what_edges_told_is_written_when_the_catalog_is_back(
    fleet: Fleet, catalog: SqliteCatalog, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "control.sqlite")) as other:
        other.execute("ALTER TABLE edges RENAME TO gone")
        fleet.hear(heartbeat())
        fleet.take_holdings(holdings("eu-1", ("a", "1")))
        await fleet.save()
        told = fleet.away
        other.execute("ALTER TABLE gone RENAME TO edges")
    await fleet.save()
    await fleet.refresh()

    assert told is not None
    assert "no such table: edges" in told
    assert fleet.away is None
    assert await catalog.holdings(["eu-1"]) == (holdings("eu-1", ("a", "1")),)


async def test_holdings_told_during_a_refresh_stay(fleet: Fleet) -> None:
    fleet.hear(heartbeat())
    fleet.take_holdings(holdings("eu-1"))
    await fleet.save()
    refreshing = asyncio.create_task(fleet.refresh())
    await asyncio.sleep(0)
    fleet.take_holdings(holdings("eu-1", ("a", "1")))
    await refreshing

    assert [record.holds("a", "1") for record in fleet.edges()] == [True]


async def test_a_replay_from_an_edge_that_was_given_up_is_answered(
    fleet: Fleet, clock: Clock
) -> None:
    fleet.hear(heartbeat())
    clock.time += 1000
    await fleet.save()
    await fleet.refresh()

    assert fleet.hear(heartbeat(desired_revision=7)).desired_revision == 7
    assert fleet.serving(announcement()) == []


async def test_holdings_that_another_control_plane_heard_are_known(
    fleet: Fleet, catalog: SqliteCatalog, clock: Clock
) -> None:
    fleet.hear(heartbeat())
    fleet.take_holdings(holdings("eu-1"))
    await fleet.save()
    await catalog.record_heartbeat(heartbeat(sequence=2, holdings_revision="1-3"), clock.time + 1)
    await catalog.record_holdings(holdings("eu-1", ("a", "1")))
    await fleet.refresh()

    assert [record.holds("a", "1") for record in fleet.edges()] == [True]


async def test_a_publish_is_asked_of_the_edges_it_is_placed_on_and_of_no_other(
    fleet: Fleet,
) -> None:
    edges = ["eu-1", "eu-2", "eu-3"]
    for edge in edges:
        fleet.hear(heartbeat(edge))
    for number in range(20):
        before = {edge: fleet.desired(edge).revision for edge in edges}
        await fleet.publish(announcement(f"asset{number}"))
        changed = {edge for edge in edges if fleet.desired(edge).revision != before[edge]}
        assert changed == set(fleet.wanted(f"asset{number}", "1")["eu"])


async def test_placing_one_by_one_is_the_same_as_placing_all_at_once(
    fleet: Fleet, catalog: SqliteCatalog, clock: Clock
) -> None:
    for number in range(6):
        fleet.hear(heartbeat(f"eu-{number}"))
        await fleet.publish(announcement(f"asset{number}"))
    await fleet.save()
    another = Fleet(catalog, clock, RULES)
    await another.refresh()

    for number in range(6):
        assert fleet.desired(f"eu-{number}") == another.desired(f"eu-{number}")


async def test_edges_of_a_region_that_the_settings_lost_get_nothing(
    fleet: Fleet, catalog: SqliteCatalog
) -> None:
    await catalog.record_heartbeat(heartbeat("xx-1"), 1000.0)
    await fleet.publish(announcement())
    await fleet.refresh()

    assert fleet.wanted("a", "1") == {}
    with pytest.raises(EdgeUnknown):
        fleet.desired("xx-1")
