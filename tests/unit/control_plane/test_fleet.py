"""The edges there are, on a real catalog, with a clock that the test moves."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import Unavailable
from common.messages import (
    HeldPackage,
    HoldingsChange,
    NetworkSeen,
    PackageName,
    Watched,
)
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.fleet import EdgeUnknown, Fleet, HoldingsNotKnown, RegionUnknown, Rules
from control_plane.routing import Region
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import heartbeat, holdings

A1 = PackageName("a", "1")
RULES = Rules(
    regions=(Region("eu", "Europe", 50, 8), Region("us", "America", 39, -77)),
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


async def test_a_silent_edge_keeps_its_packages_for_a_while(fleet: Fleet, clock: Clock) -> None:
    for edge in ("eu-1", "eu-2"):
        fleet.hear(heartbeat(edge))
    clock.time += 599
    fleet.hear(heartbeat("eu-2", 2))
    assert [record.edge_id for record in fleet.placeable()] == ["eu-1", "eu-2"]
    clock.time += 1
    assert [record.edge_id for record in fleet.placeable()] == ["eu-2"]
    fleet.kept = lambda edge: edge == "eu-1"
    assert [record.edge_id for record in fleet.placeable()] == ["eu-1", "eu-2"]


async def test_what_is_counted_where_it_is_heard_is_not_written_down(
    fleet: Fleet, catalog: SqliteCatalog
) -> None:
    told: list[int] = []
    fleet.on_heard(lambda record: told.append(len(record.heartbeat.networks)))
    fleet.on_heard(lambda record: told.append(len(record.heartbeat.watched)))
    watched = (Watched("a", 1, 5),)
    fleet.hear(heartbeat(networks=(NetworkSeen(1, 1, 1, 1e6, 0),), watched=watched))
    await fleet.save()

    assert told == [1, 1]
    assert [record.heartbeat for record in await catalog.edges()] == [heartbeat()]


async def test_what_is_told_while_the_catalog_is_read_counts(
    fleet: Fleet, catalog: SqliteCatalog, clock: Clock
) -> None:
    many = [(f"a{number}", "1") for number in range(3000)]
    await catalog.record_heartbeat(heartbeat("eu-1", holdings_revision="3000-3"), 1.0)
    await catalog.record_holdings(holdings("eu-1", *many))
    await fleet.refresh()
    last = PackageName("a2999", "1")
    assert fleet.holders(last) == ("eu-1",)

    # Another control plane wrote that it holds less; between two steps of learning it, this one is
    # told that it holds something else.
    await catalog.record_heartbeat(heartbeat("eu-1", 2, holdings_revision="0-3"), 2.0)
    await catalog.record_holdings(holdings("eu-1"))
    learning = asyncio.create_task(fleet.refresh())
    async with asyncio.timeout(30):
        while fleet.holders(PackageName("a0", "1")):  # noqa: ASYNC110 - between two of its steps
            await asyncio.sleep(0)
    assert fleet.holders(last) == ("eu-1",)
    fleet.take_holdings(holdings("eu-1", ("a2999", "1"), ("b", "1")))
    await learning

    assert fleet.holders(last) == fleet.holders(PackageName("b", "1")) == ("eu-1",)
    assert not fleet.holders(PackageName("a2998", "1"))
    assert {each.asset_id for each in fleet.listed("eu-1")} == {"a2999", "b"}


class TwoClocks:
    """A machine's clocks, which the test moves apart."""

    wall = 1000.0
    steady = 50.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady


@pytest.mark.parametrize("jump", [-1e6, 1e6])
async def test_a_wall_clock_that_jumps_takes_no_edge_away(
    catalog: SqliteCatalog, jump: float
) -> None:
    clock = TwoClocks()
    fleet = Fleet(catalog, clock, RULES)
    fleet.hear(heartbeat("eu-1"))
    await fleet.save()
    clock.wall += jump
    clock.steady += 0.5
    await fleet.refresh()

    assert [record.edge_id for record in fleet.placeable()] == ["eu-1"]
    assert fleet.beat_at("eu-1") == 50.0


@pytest.mark.parametrize("ahead", [-3600.0, -0.5, 0.0, 3600.0])
async def test_what_a_control_plane_with_another_clock_heard_is_news_of_a_moment_ago(
    catalog: SqliteCatalog, ahead: float
) -> None:
    mine, theirs = TwoClocks(), TwoClocks()
    theirs.wall += ahead
    here, there = (Fleet(catalog, clock, RULES) for clock in (mine, theirs))
    here.hear(heartbeat("eu-1", 1))
    there.hear(heartbeat("eu-1", 2))
    await there.save()
    mine.steady += 60
    mine.wall += 60
    await here.refresh()
    heard = here.beat_at("eu-1")
    await here.refresh()

    assert mine.steady - 1.5 <= heard <= mine.steady
    assert here.beat_at("eu-1") == heard


async def test_what_a_control_plane_with_a_clock_ahead_heard_before_is_no_news(
    catalog: SqliteCatalog,
) -> None:
    mine, theirs = TwoClocks(), TwoClocks()
    theirs.wall += 3600
    here, there = (Fleet(catalog, clock, RULES) for clock in (mine, theirs))
    there.hear(heartbeat("eu-1", 1, load=0.9))
    await there.save()
    here.hear(heartbeat("eu-1", 2))
    mine.steady += 2
    await here.refresh()

    record = here.edge("eu-1")
    assert record is not None
    assert record.heartbeat.load == 0
    assert here.beat_at("eu-1") == 50.0


async def test_an_edge_that_was_caught_holds_nothing_for_a_while_whatever_it_tells(
    fleet: Fleet, clock: Clock
) -> None:
    fleet.hear(heartbeat())
    told = holdings("eu-1", ("a", "1"))
    fleet.take_holdings(told)
    await fleet.save()
    fleet.disbelieve("eu-1")
    assert not fleet.knows_holdings("eu-1", told.revision)
    fleet.take_holdings(told)
    clock.time += 9
    await fleet.refresh()
    assert not fleet.holds("eu-1", A1)
    assert fleet.packages_held("eu-1") == 0
    assert fleet.listed("eu-1") == told.packages
    clock.time += 1

    assert fleet.holds("eu-1", A1)


async def test_it_is_known_whether_an_edge_is_heard_here_or_by_another(
    fleet: Fleet, clock: Clock
) -> None:
    fleet.hear(heartbeat("eu-1"))
    fleet.overhear(heartbeat("eu-2"), clock.monotonic())
    assert [fleet.hears(edge) for edge in ("eu-1", "eu-2", "eu-3")] == [True, False, False]
    clock.time += 2
    fleet.hear(heartbeat("eu-2", 2))
    fleet.overhear(heartbeat("eu-1", 2), clock.monotonic())
    clock.time += 1
    assert [fleet.hears(edge) for edge in ("eu-1", "eu-2")] == [False, True]


async def test_a_region_that_is_none_is_refused(fleet: Fleet) -> None:
    with pytest.raises(RegionUnknown, match="says it is in region 'mars'"):
        fleet.hear(heartbeat(region="mars"))


async def test_holdings_of_an_edge_that_never_spoke_are_refused(fleet: Fleet) -> None:
    with pytest.raises(EdgeUnknown):
        fleet.take_holdings(holdings("eu-1"))


def change(since: str, revision: str, held: int = 3, *dropped: PackageName) -> HoldingsChange:
    package = HeldPackage("a", "1", held, 3, 1000 * held // 3, 1000)
    return HoldingsChange("eu-1", since, revision, (package,), dropped)


async def test_holdings_are_told_by_what_changed(fleet: Fleet) -> None:
    fleet.hear(heartbeat())
    fleet.take_holdings(holdings("eu-1", ("b", "1")))
    fleet.change_holdings(change("1-3", "2", 2, PackageName("b", "1")))
    assert not fleet.holds("eu-1", A1)
    assert fleet.held("eu-1", PackageName("b", "1")) is None
    fleet.change_holdings(change("2", "3"))

    assert fleet.holds("eu-1", A1)
    assert fleet.knows_holdings("eu-1", "3")


async def test_a_change_of_holdings_that_are_not_known_is_refused(fleet: Fleet) -> None:
    with pytest.raises(EdgeUnknown):
        fleet.change_holdings(change("1", "2"))
    fleet.hear(heartbeat())
    with pytest.raises(HoldingsNotKnown):
        fleet.change_holdings(change("1", "2"))
    fleet.take_holdings(holdings("eu-1"))
    with pytest.raises(HoldingsNotKnown):
        fleet.change_holdings(change("7", "8"))


async def test_a_change_of_holdings_that_comes_twice_is_one(fleet: Fleet) -> None:
    fleet.hear(heartbeat())
    fleet.take_holdings(holdings("eu-1"))
    for _ in range(2):
        fleet.change_holdings(change("0-3", "1"))

    assert fleet.holds("eu-1", A1)


async def test_each_package_that_becomes_whole_is_told_once(fleet: Fleet) -> None:
    told: list[tuple[str, PackageName]] = []
    fleet.on_complete(lambda record, name: told.append((record.edge_id, name)))
    fleet.hear(heartbeat())
    fleet.take_holdings(holdings("eu-1", ("b", "1"), held=2))
    fleet.change_holdings(change("1-2", "2", held=2))
    fleet.change_holdings(change("2", "3"))
    fleet.change_holdings(change("3", "4"))
    fleet.take_holdings(holdings("eu-1", ("a", "1"), ("b", "1")))

    assert told == [("eu-1", A1), ("eu-1", PackageName("b", "1"))]


async def test_what_edges_told_is_written_when_the_catalog_is_back(
    fleet: Fleet, catalog: SqliteCatalog, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "control.sqlite")) as other:
        other.execute("ALTER TABLE edges RENAME TO gone")
        fleet.hear(heartbeat())
        fleet.take_holdings(holdings("eu-1", ("a", "1")))
        with pytest.raises(Unavailable, match="no such table: edges"):
            await fleet.save()
        other.execute("ALTER TABLE gone RENAME TO edges")
    await fleet.save()
    await fleet.refresh()

    assert await catalog.holdings({"eu-1": None}) == (holdings("eu-1", ("a", "1")),)


async def test_a_look_that_failed_is_told(fleet: Fleet, catalog: SqliteCatalog) -> None:
    assert fleet.fresh
    await catalog.close()
    with pytest.raises(Unavailable):
        await fleet.refresh()

    assert not fleet.fresh


async def test_holdings_told_during_a_refresh_stay(fleet: Fleet) -> None:
    fleet.hear(heartbeat())
    fleet.take_holdings(holdings("eu-1"))
    await fleet.save()
    refreshing = asyncio.create_task(fleet.refresh())
    await asyncio.sleep(0)
    fleet.take_holdings(holdings("eu-1", ("a", "1")))
    await refreshing

    assert fleet.holds("eu-1", A1)


async def test_holdings_that_another_control_plane_heard_are_known(
    fleet: Fleet, catalog: SqliteCatalog, clock: Clock
) -> None:
    fleet.hear(heartbeat())
    fleet.take_holdings(holdings("eu-1"))
    await fleet.save()
    await catalog.record_heartbeat(heartbeat(sequence=2, holdings_revision="1-3"), clock.time + 1)
    await catalog.record_holdings(holdings("eu-1", ("a", "1")))
    told: list[PackageName] = []
    fleet.on_complete(lambda _, name: told.append(name))
    await fleet.refresh()

    assert fleet.holds("eu-1", A1)
    assert told == [], "the other one was told"


async def test_it_is_known_whether_another_edge_of_the_region_holds_a_version(fleet: Fleet) -> None:
    for name in ("eu-1", "eu-2", "us-1"):
        fleet.hear(heartbeat(name))
    eu_1, eu_2, us_1 = fleet.edges()
    fleet.take_holdings(holdings("eu-1", ("a", "1"), ("b", "1")))
    fleet.take_holdings(holdings("eu-2", ("b", "1"), held=2))

    assert fleet.others_hold(eu_2, A1)
    assert not fleet.others_hold(eu_1, A1)
    assert not fleet.others_hold(eu_1, PackageName("b", "1"))
    assert not fleet.others_hold(us_1, A1)


async def test_long_holdings_are_written_down_only_every_so_often(
    fleet: Fleet, catalog: SqliteCatalog, clock: Clock
) -> None:
    fleet.hear(heartbeat())
    many = [(f"a{number}", "1") for number in range(1000)]
    fleet.take_holdings(holdings("eu-1", *many))
    await fleet.save()
    fleet.take_holdings(holdings("eu-1", *many, ("a", "1")))
    clock.time += 4
    await fleet.save()
    assert [len(told.packages) for told in await catalog.holdings({"eu-1": None})] == [1000]
    clock.time += 1
    await fleet.save()

    assert [len(told.packages) for told in await catalog.holdings({"eu-1": None})] == [1001]


@pytest.mark.parametrize("wrong", [-7200.0, 7200.0])
async def test_an_edge_that_another_control_plane_hears_lives_whatever_that_ones_clock_says(
    fleet: Fleet, catalog: SqliteCatalog, clock: Clock, wrong: float
) -> None:
    for sequence in (1, 2):
        await catalog.record_heartbeat(heartbeat("eu-1", sequence), clock.now() + wrong)
        clock.time += 1
        await fleet.refresh()
    assert clock.monotonic() - fleet.beat_at("eu-1") <= 1

    clock.time += 5
    await fleet.refresh()
    assert clock.monotonic() - fleet.beat_at("eu-1") >= 5, "nothing more was heard of it"


async def test_what_another_heard_before_does_not_take_the_place_of_what_was_heard_here(
    fleet: Fleet, catalog: SqliteCatalog, clock: Clock
) -> None:
    await catalog.record_heartbeat(heartbeat("eu-1", 1), clock.now() + 7200)
    fleet.hear(heartbeat("eu-1", 2))
    await fleet.refresh()

    edge = fleet.edge("eu-1")
    assert edge is not None
    assert edge.heartbeat.sequence == 2
