import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.messages import EdgeStanding
from common.service import DatabaseSettings
from control_plane import snapshots as module
from control_plane.catalog import Pin, Removal, open_catalog
from control_plane.coverage import Coverage
from control_plane.documents import open_documents
from control_plane.fleet import Fleet, Rules
from control_plane.keeping import Keeper
from control_plane.library import Library
from control_plane.planning import Placements, PlanRow
from control_plane.routing import Region
from control_plane.routing.zones import Zone
from control_plane.snapshots import Snapshots
from control_plane.standing import Standings, open_standings
from tests.unit.control_plane.records import announcement, heartbeat


class Control:
    """What a control plane knows, over a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = DatabaseSettings(sqlite=folder / "control.sqlite")

    async def open(self, snapshot: Path) -> "Control":
        clock = SystemClock()
        self.catalog = await open_catalog(self.settings)
        self.orders = await open_standings(self.settings)
        rules = Rules((Region("eu", "Europe", 50.0, 8.0),), 3.0, 600.0)
        self.library, self.fleet = Library(self.catalog, clock), Fleet(self.catalog, clock, rules)
        self.standings = Standings(self.orders, clock)
        self.placements = Placements(self.library.history)
        self.documents = await open_documents(self.settings)
        self.coverage = Coverage(self.documents, ("eu",), clock)
        self.keeper = Keeper({"catalog": self.library}, clock)
        self.snapshots = Snapshots(
            *(snapshot, self.library, self.fleet, self.standings, self.placements, clock),
            (self.coverage.folder,),
        )
        return self

    async def close(self) -> None:
        await self.catalog.close()
        await self.orders.close()
        await self.documents.close()


async def a_control_plane(folder: Path, snapshot: Path) -> Control:
    return await Control(folder).open(snapshot)


async def test_what_was_known_is_known_after_a_restart_without_the_database(
    tmp_path: Path,
) -> None:
    one = await a_control_plane(tmp_path / "one", tmp_path / "snapshot")
    for asset, version in (("a", "1"), ("a", "2"), ("b", "1"), ("c", "1")):
        await one.library.publish(announcement(asset, version))
    await one.library.pin(Pin("a", "1", "2", "operator", 1.0))
    await one.library.remove(Removal("r1", "b", ("1",), "operator", 2.0))
    one.fleet.hear(heartbeat("eu-1"))
    await one.standings.order("eu-1", EdgeStanding.MAINTENANCE, by="operator")
    one.placements.take([PlanRow("a", ("eu-1",), 3, urgent=True, priority=0.5)])
    zones = b'{"zones":[{"name":"z","networks":["192.0.2.0/24"],"regions":["eu"]}]}'
    await one.coverage.tell(zones, by="operator")
    await one.snapshots.save()
    await one.close()

    other = await a_control_plane(tmp_path / "other", tmp_path / "snapshot")
    assert await other.snapshots.restore()
    history = other.library.history
    assert history.counts == one.library.history.counts
    assert sorted(history.assets) == ["a", "c"]
    assert history.assets["a"].current.announcement.version == "1"
    assert history.versions("b") == one.library.history.versions("b")
    assert other.fleet.edges() == one.fleet.edges()
    assert other.standings.of("eu-1") is EdgeStanding.MAINTENANCE
    assert other.placements.rows() == one.placements.rows()
    assert other.coverage.folder.known == one.coverage.folder.known
    assert other.coverage.table.find(ip_address("192.0.2.1")) == Zone("z", ("eu",))
    await other.close()


async def test_without_a_snapshot_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    control = await a_control_plane(tmp_path / "one", tmp_path / "snapshot")

    assert not await control.snapshots.restore()
    await control.close()


async def test_what_is_new_is_saved_once_everything_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    snapshot = tmp_path / "snapshot"
    control = await a_control_plane(tmp_path / "one", snapshot)
    running = asyncio.create_task(control.snapshots.run(control.keeper))
    await control.library.publish(announcement("a"))
    await asyncio.sleep(0.1)
    assert not snapshot.exists(), "the catalog was not read yet: who knows what is missing"
    await control.keeper.refresh()

    async def saved(*assets: str) -> None:
        async with asyncio.timeout(30):
            other = await a_control_plane(tmp_path / "other", snapshot)
            while sorted(other.library.history.assets) != sorted(assets):
                await asyncio.sleep(0.02)
                await other.snapshots.restore()
            await other.close()

    await saved("a")
    await control.library.publish(announcement("b"))
    await saved("a", "b")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await control.close()
