"""Edges that are looked for by their names."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.service import DatabaseSettings
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.findings import Findings
from control_plane.fleet import Fleet, Rules
from control_plane.health import HealthRules
from control_plane.present import Present, present_in
from control_plane.routing import EdgeFacts, Region
from control_plane.standing import Standings, open_standings
from control_plane.watch import Watch
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement, heartbeat, holdings

RULES = Rules(regions=(Region("eu", "Europe", 50, 8),), silence=3.0, patience=600.0)


@pytest.fixture
async def present(tmp_path: Path) -> AsyncIterator[Present]:
    """What looks in a fleet of an edge that serves, one that drains, and one of no known region."""
    clock, file = Clock(), tmp_path / "control.sqlite"
    catalog = await SqliteCatalog.open(file)
    store = await open_standings(DatabaseSettings(sqlite=file))
    fleet = Fleet(catalog, clock, RULES)
    watch = Watch(fleet, HealthRules(), clock, Standings(store, clock), Findings(), lambda: 0)
    # Of a time when there was such a region.
    await catalog.record_heartbeat(heartbeat("xx-1"), clock.now())
    await fleet.refresh()
    for beat in (heartbeat("eu-1"), heartbeat("eu-2", draining=True)):
        fleet.hear(beat)
    fleet.take_holdings(holdings("eu-1", ("a", "1")))
    yield present_in(fleet, watch)
    await store.close()
    await catalog.close()


def test_an_edge_that_serves_is_found(present: Present) -> None:
    url = "https://eu-1.example.org"

    assert present(announcement("a"), "eu-1") == EdgeFacts("eu-1", "eu", url, holds=True)
    assert present(announcement("b"), "eu-1") == EdgeFacts("eu-1", "eu", url, holds=False)


@pytest.mark.parametrize("name", ["eu-2", "eu-3", "xx-1"])
def test_no_other_is(present: Present, name: str) -> None:
    assert present(announcement(), name) is None
