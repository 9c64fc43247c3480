"""Which edges hold a version: the index tells what asking each edge would."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.messages import HeldPackage, HoldingsChange, PackageName
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.fleet import DISBELIEVED_FOR, Fleet, Rules
from control_plane.holders import Holders
from control_plane.routing import Region
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import heartbeat, holdings

NAME = PackageName("a", "1")
names = st.builds(PackageName, st.sampled_from("abc"), st.just("1"))
edge_ids = st.sampled_from(["eu-1", "eu-2", "us-1"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fleet(tmp_path: Path, clock: Clock) -> AsyncIterator[Fleet]:
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    rules = Rules((Region("eu", "Europe", 50, 8), Region("us", "America", 39, -77)), 3.0, 600.0)
    fleet = Fleet(catalog, clock, rules)
    for edge in ("eu-1", "us-1"):
        fleet.hear(heartbeat(edge))
    yield fleet
    await catalog.close()


def part(objects: int) -> HeldPackage:
    return HeldPackage("a", "1", objects, 3, 10, 30)


async def test_an_edge_holds_a_version_while_it_tells_that_it_has_all_of_it(fleet: Fleet) -> None:
    fleet.take_holdings(holdings("eu-1", ("a", "1")))
    fleet.take_holdings(holdings("us-1", ("a", "1"), held=2))
    assert fleet.holders(NAME) == ("eu-1",)
    assert fleet.holders(NAME) is fleet.holders(NAME)

    fleet.change_holdings(HoldingsChange("us-1", "1-2", "2", (part(3),)))
    assert fleet.holders(NAME) == ("eu-1", "us-1")
    fleet.change_holdings(HoldingsChange("us-1", "2", "3", (part(2),)))
    assert fleet.holders(NAME) == ("eu-1",)
    fleet.change_holdings(HoldingsChange("eu-1", "1-3", "2", (), (NAME,)))
    assert fleet.holders(NAME) == ()
    fleet.take_holdings(holdings("eu-1", ("a", "1")))
    fleet.take_holdings(holdings("eu-1", ("b", "1")))
    assert fleet.holders(NAME) == ()


async def test_an_edge_that_was_caught_holds_nothing_for_a_while(
    fleet: Fleet, clock: Clock
) -> None:
    for edge in ("eu-1", "us-1"):
        fleet.take_holdings(holdings(edge, ("a", "1")))
    fleet.disbelieve("eu-1")
    assert fleet.holders(NAME) == ("us-1",)
    fleet.take_holdings(holdings("eu-1", ("a", "1")))
    assert fleet.holders(NAME) == ("us-1",)
    clock.time += DISBELIEVED_FOR
    assert set(fleet.holders(NAME)) == {"eu-1", "us-1"}


@settings(max_examples=50)
@given(st.lists(st.tuples(edge_ids, st.sets(names), st.sets(names), st.sets(names)), max_size=20))
def test_the_index_is_what_the_last_words_of_all_edges_come_to(
    told: list[tuple[str, set[PackageName], set[PackageName], set[PackageName]]],
) -> None:
    index, held = Holders(), dict[str, set[PackageName]]()
    for edge_id, touched, whole, partly in told:
        packages = {name: part(2) for name in partly} | {name: part(3) for name in whole}
        index.change(edge_id, touched, packages)
        held[edge_id] = (held.get(edge_id, set()) - touched) | (touched & whole)

    for name in (PackageName(asset, "1") for asset in "abc"):
        assert set(index.of(name)) == {edge for edge, names in held.items() if name in names}
