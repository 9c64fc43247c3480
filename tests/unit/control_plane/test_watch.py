"""Which edges take viewers, from what a real fleet heard."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.messages import EdgeStanding, EdgeState
from common.service import DatabaseSettings
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.findings import Findings
from control_plane.fleet import Fleet, Rules
from control_plane.health import HealthRules
from control_plane.neighbourhoods import Neighbourhoods
from control_plane.routing import Region
from control_plane.standing import Standings, open_standings
from control_plane.watch import FEW, NOTICED_WITHIN, SOON, Watch
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import heartbeat

RULES = Rules(
    regions=(Region("eu", "Europe", 50, 8), Region("us", "America", 39, -77)),
    silence=3.0,
    patience=600.0,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fleet(tmp_path: Path, clock: Clock) -> AsyncIterator[Fleet]:
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    yield Fleet(catalog, clock, RULES)
    await catalog.close()


@pytest.fixture
async def standings(tmp_path: Path, clock: Clock) -> AsyncIterator[Standings]:
    store = await open_standings(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    yield Standings(store, clock)
    await store.close()


@pytest.fixture
def watch(fleet: Fleet, clock: Clock, standings: Standings) -> Watch:
    return Watch(fleet, HealthRules(silence=3.0), clock, standings, Findings(), lambda: 0)


async def test_only_edges_that_are_up_serve(fleet: Fleet, watch: Watch) -> None:
    fleet.hear(heartbeat("eu-1"))
    fleet.hear(heartbeat("eu-2", ready=False))
    fleet.hear(heartbeat("us-1"))

    assert watch.shares() == {"eu-1": 1.0, "us-1": 1.0}


async def test_an_edge_that_another_control_plane_wrote_down_serves_as_soon_as_it_is_read(
    fleet: Fleet, watch: Watch, clock: Clock, tmp_path: Path
) -> None:
    watch.look()
    other = await SqliteCatalog.open(tmp_path / "control.sqlite")
    await other.record_heartbeat(heartbeat("eu-1"), clock.now())
    await other.close()
    await fleet.refresh()

    assert [*watch.shares()] == ["eu-1"]


async def test_an_edge_that_is_silent_is_out_before_its_time_is_over(
    fleet: Fleet, watch: Watch, clock: Clock
) -> None:
    for edge in ("eu-1", "us-1"):
        fleet.hear(heartbeat(edge))
    clock.time += 2.7
    fleet.hear(heartbeat("us-1", 2))
    watch.look()
    assert watch.share("eu-1") == 1.0
    clock.time += 0.1
    watch.look()

    assert watch.share("eu-1") == 0.0
    assert watch.health("eu-1").state is EdgeState.DOWN
    assert [*watch.shares()] == ["us-1"]


async def test_an_edge_is_away_once_every_control_plane_has_noticed_that_it_is_down(
    fleet: Fleet, watch: Watch, clock: Clock
) -> None:
    fleet.hear(heartbeat("eu-1"))
    watch.look()
    clock.time += 3
    watch.look()
    assert watch.health("eu-1").state is EdgeState.DOWN
    assert not watch.away("eu-1")
    clock.time += NOTICED_WITHIN
    watch.look()
    assert watch.away("eu-1")
    fleet.hear(heartbeat("eu-1", 2))
    watch.look()
    assert not watch.away("eu-1")


async def test_an_edge_that_drains_is_out_at_once(fleet: Fleet, watch: Watch) -> None:
    fleet.hear(heartbeat("eu-1"))
    fleet.hear(heartbeat("eu-1", 2, draining=True))

    assert watch.share("eu-1") == 0.0
    assert watch.health("eu-1").state is EdgeState.DRAINING


async def test_an_edge_that_an_operator_drains_is_out_with_the_reason(
    fleet: Fleet, watch: Watch, standings: Standings
) -> None:
    fleet.hear(heartbeat("eu-1"))
    await standings.order("eu-1", EdgeStanding.DRAINING, by="operator", reason="new disks")
    watch.look()

    assert watch.share("eu-1") == 0.0
    assert watch.health("eu-1").reason == "ordered by operator: new disks"


@pytest.mark.parametrize(
    ("until", "reason"),
    [
        (1001.0, "not heard of for 2.8 s: its credential has expired"),
        (None, "not heard of for 2.8 s: there is no credential of its name"),
        (2000.0, "not heard of for 2.8 s"),
    ],
)
async def test_what_has_become_of_an_edges_credential_is_told(
    fleet: Fleet, watch: Watch, clock: Clock, until: float | None, reason: str
) -> None:
    watch.valid_until = {"eu-1": until}.__getitem__
    fleet.hear(heartbeat("eu-1"))
    assert watch.share("eu-1") == 1.0
    clock.time += 2.9
    watch.look()

    assert watch.health("eu-1").reason == reason


async def test_neighbours_are_the_edges_of_the_region_that_are_up(
    fleet: Fleet, watch: Watch
) -> None:
    told: list[bool] = []
    neighbourhoods = Neighbourhoods(fleet, watch, lambda: told.append(True))
    watch.on_change(neighbourhoods.refresh)
    for edge in ("eu-1", "eu-2", "us-1"):
        fleet.hear(heartbeat(edge))
    fleet.hear(heartbeat("eu-3", ready=False))
    watch.look()

    near = neighbourhoods.of("eu-1")
    assert [edge.edge_id for edge in near.edges] == ["eu-2"]
    assert neighbourhoods.of("us-1").revision == 0
    fleet.hear(heartbeat("eu-2", 2, draining=True))
    watch.look()
    assert neighbourhoods.of("eu-1").edges == ()
    assert len(told) == 2


async def test_a_large_fleet_that_comes_back_at_once_is_judged_only_so_often(
    fleet: Fleet, watch: Watch, clock: Clock
) -> None:
    for number in range(FEW + 1):
        fleet.hear(heartbeat(f"eu-{number}"))
    watch.look()
    fleet.hear(heartbeat("us-1"))
    assert watch.share("us-1") == 0.0
    clock.time += 2 * SOON
    assert watch.share("us-1") == 1.0
