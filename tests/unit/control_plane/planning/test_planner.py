"""The planner on a real database, with a clock that the test moves and tasks that run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.service.sqlite import SqliteFile
from control_plane.catalog import Removal
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.fleet import Fleet, Rules
from control_plane.library import Library
from control_plane.placement import PlacementRules
from control_plane.planning import Placements, Planner
from control_plane.planning.demand import DemandCounts
from control_plane.planning.sqlite import SqlitePlanStore
from control_plane.routing import Region
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement, heartbeat

RULES = Rules(
    regions=(Region("eu", "Europe", 50, 8), Region("us", "America", 39, -77)),
    silence=3.0,
    patience=600.0,
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_plane.planning.planner.RENEWED_EVERY", 0.02)


class StandingClock(Clock):
    """What is stamped stands still; leases run, and what else a test has pass."""

    passed = 0.0

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.passed


@dataclass
class ControlPlane:
    """What plans, and what it plans with."""

    library: Library
    fleet: Fleet
    placements: Placements
    planner: Planner
    clock: StandingClock
    commits: list[int]

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not seen():  # noqa: ASYNC110 - the planner looks by itself
                await asyncio.sleep(0.005)

    async def until_placed(self, asset: str, *edges: str) -> None:
        await self.until(lambda: set(self.placements.edges(asset)) == set(edges))


@asynccontextmanager
async def control_plane(folder: Path) -> AsyncIterator[ControlPlane]:
    clock, commits = StandingClock(), list[int]()
    path = folder / "control.sqlite"
    catalog, store = await SqliteCatalog.open(path), await SqlitePlanStore.open(path)
    library, fleet = Library(catalog, clock), Fleet(catalog, clock, RULES)
    placements = Placements(library.history)
    planner = Planner(
        store,
        library,
        fleet,
        placements,
        PlacementRules(minimum=2),
        clock,
        DemandCounts(store, clock),
    )
    planner.on_new = lambda: commits.append(placements.head)
    await library.refresh()
    await fleet.refresh()
    running = asyncio.create_task(planner.run())
    try:
        yield ControlPlane(library, fleet, placements, planner, clock, commits)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await planner.resign()
        await fleet.save()
        await store.close()
        await catalog.close()


async def test_a_publish_is_placed_in_every_region(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as one:
        await one.until(lambda: one.planner.plans)
        for edge in ("eu-1", "eu-2", "eu-3", "us-1"):
            one.fleet.hear(heartbeat(edge))
        await one.library.publish(announcement())
        await one.until(lambda: len(one.placements.edges("a")) == 3)

        regions = [edge[:2] for edge in one.placements.edges("a")]
        assert sorted(regions) == ["eu", "eu", "us"]
        row = one.placements.row("a")
        assert row is not None
        assert row.urgent
        assert one.commits[-1] == one.placements.head


async def test_an_edge_that_is_silent_for_long_gives_up_its_packages(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as one:
        for edge in ("eu-1", "eu-2", "eu-3"):
            one.fleet.hear(heartbeat(edge))
        await one.library.publish(announcement())
        await one.until(lambda: len(one.placements.edges("a")) == 2)
        first, second = one.placements.edges("a")
        (third,) = {"eu-1", "eu-2", "eu-3"} - {first, second}
        one.clock.passed += 600
        for edge in (second, third):
            one.fleet.hear(heartbeat(edge, 2))
        await one.until_placed("a", second, third)

        row = one.placements.row("a")
        assert row is not None
        assert row.lost == (first,)
        change = one.placements.change(first, one.placements.revision(first) - 1)
        assert change is None or [name.asset_id for name in change.dropped] == ["a"]


async def test_edges_of_a_region_that_the_settings_lost_get_nothing(tmp_path: Path) -> None:
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    await catalog.record_heartbeat(heartbeat("xx-1"), 1000.0)
    await catalog.close()
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat("eu-1"))
        await one.library.publish(announcement())
        await one.until_placed("a", "eu-1")


async def test_another_version_is_told_to_the_same_edges(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat())
        await one.library.publish(announcement())
        await one.until_placed("a", "eu-1")
        known = one.placements.revision("eu-1")
        await one.library.publish(announcement(version="2"))
        await one.until(lambda: one.placements.revision("eu-1") > known)

        change = one.placements.change("eu-1", known)
        assert change is not None
        assert {package.version for package in change.packages} == {"1", "2"}


async def test_what_is_removed_is_dropped(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat())
        await one.library.publish(announcement())
        await one.until_placed("a", "eu-1")
        known = one.placements.revision("eu-1")
        await one.library.remove(Removal("r", "a", ("1",), "operator", 1.0))
        await one.until_placed("a")

        change = one.placements.change("eu-1", known)
        assert change is not None
        assert [(name.asset_id, name.version) for name in change.dropped] == [("a", "1")]


async def test_a_restart_goes_on_where_the_plan_stood(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as one:
        for edge in ("eu-1", "eu-2", "eu-3"):
            one.fleet.hear(heartbeat(edge))
        for number in range(10):
            await one.library.publish(announcement(f"a{number}"))
        await one.until(lambda: all(one.placements.edges(f"a{n}") for n in range(10)))
        before = dict(one.placements.rows())
    async with control_plane(tmp_path) as other:
        await other.until(lambda: other.planner.plans)
        await asyncio.sleep(0.1)

        assert other.placements.rows() == before


async def test_a_version_that_was_announced_while_nobody_planned_is_told(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat())
        await one.library.publish(announcement())
        await one.until_placed("a", "eu-1")
        known = one.placements.revision("eu-1")
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    await catalog.publish(announcement(version="2"), 0.0)
    await catalog.close()
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat())
        await one.until(lambda: one.placements.revision("eu-1") > known)

        change = one.placements.change("eu-1", known)
        assert change is not None
        assert {package.version for package in change.packages} == {"1", "2"}
        await one.until(lambda: one.commits[-1] == one.placements.head)
        settled = one.placements.head
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat())
        await one.until(lambda: one.planner.plans)
        await asyncio.sleep(0.1)
        assert one.placements.head == settled


async def test_one_plans_and_the_other_follows_until_it_ends(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as two:
        await two.until(lambda: two.planner.plans)
        async with control_plane(tmp_path) as one:
            await asyncio.sleep(0.1)
            assert not one.planner.plans
            two.fleet.hear(heartbeat())
            await two.library.publish(announcement())
            await two.until_placed("a", "eu-1")
            await one.planner.refresh()
            assert one.placements.edges("a") == ("eu-1",)
            assert one.library.asset("a")
            await two.planner.resign()
            await one.until(lambda: one.planner.plans or two.planner.plans)


async def test_what_was_removed_while_nobody_planned_is_dropped(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat())
        await one.library.publish(announcement())
        await one.until_placed("a", "eu-1")
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    await catalog.add_removal(Removal("r", "a", ("1",), "operator", 1.0))
    await catalog.close()
    async with control_plane(tmp_path) as other:
        await other.until(lambda: other.planner.plans)
        await other.until_placed("a")


async def test_what_is_planned_on_an_older_copy_of_the_plan_is_planned_anew(
    tmp_path: Path,
) -> None:
    async with control_plane(tmp_path) as one:
        one.fleet.hear(heartbeat())
        for asset in "abc":
            await one.library.publish(announcement(asset))
            await one.until_placed(asset, "eu-1")
        known = one.placements.head
        file = await SqliteFile.open(tmp_path / "control.sqlite", "", synchronous="FULL")
        await file.write("DELETE FROM plan WHERE asset_id <> 'a'")
        await file.close()

        await one.library.publish(announcement("d"))

        await one.until_placed("d", "eu-1")
        await one.until(lambda: all(one.placements.edges(asset) for asset in "abcd"))
        change = one.placements.change("eu-1", known)
        assert change is not None
        assert change.since == 0
        assert {package.asset_id for package in change.packages} == set("abcd")
        store = await SqlitePlanStore.open(tmp_path / "control.sqlite")
        assert {row.asset_id: row for row in await store.rows(0)} == one.placements.rows()
        await store.close()
