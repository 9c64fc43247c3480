"""Real edges, while networks between them and their control planes break: viewers are sent to edges
that live all the time, and never to one that still has what was purged."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.edge_hosts import CONTROLS, EDGES, Hosts, Life, hosts, life, planes
from tests.faults.fleet import until


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with hosts(tmp_path_factory.mktemp("hosts")) as running:
        yield running


@pytest.fixture
async def living(here: Hosts) -> AsyncIterator[Life]:
    async with life(here) as made:
        yield made


async def test_control_planes_that_hear_half_of_the_edges_each_lose_none(
    here: Hosts, living: Life
) -> None:
    before = len(here.states())
    with contextlib.ExitStack() as stack:
        stack.enter_context(here.network.apart(["one"], ["two"]))
        stack.enter_context(here.network.apart(CONTROLS, ["redis"]))
        for edge in EDGES:
            stack.enter_context(here.network.apart(planes(edge)[1:], [edge]))
        for control in CONTROLS:
            await until(living.away(control, "redis"))
        await living.publish()
        await until(living.settled())
        await living.purges_more(15)
        assert here.states()[before:] == []
    for control in CONTROLS:
        await until(living.ready(control))
    assert here.states()[before:] == []


async def test_an_edge_cut_off_from_its_first_control_plane_goes_on_with_the_second(
    here: Hosts, living: Life
) -> None:
    edge = living.viewers.favourite("eu")
    before = len(here.states())
    with here.network.apart([edge], planes(edge)[:1]):
        await living.publish()
        await until(living.holding(edge))
        await living.purges_more(20)
        assert await living.served(edge)
    await until(living.settled())
    changes = [change for change in here.states()[before:] if change[1] == edge]
    assert {state for _, _, state in changes} <= {"degraded", "up"}, "one reaches it, and hears it"


async def test_an_edge_cut_off_from_all_control_planes_gets_viewers_once_it_has_caught_up(
    here: Hosts, living: Life
) -> None:
    edge = living.viewers.favourite("eu")
    others = [other for other in EDGES if other != edge]
    with here.network.apart([edge], CONTROLS):
        living.viewers.lose(edge)
        await until(living.viewers.only_to(others, of="eu"))
        await living.purges_more()
        await living.publish()
        await until(living.settled(others))
        assert await living.served(edge), "who is there stays"
        living.viewers.find(edge)
    await until(living.viewers.also_to([edge], of="eu"))


async def test_viewers_of_a_region_that_is_cut_off_go_to_the_other(
    here: Hosts, living: Life
) -> None:
    region, others = ("us-1", "us-2"), ("eu-1", "eu-2")
    with here.network.apart(region, CONTROLS):
        living.viewers.lose(*region)
        await until(living.viewers.only_to(others, of="us"))
        await living.purges_more()
        for edge in region:
            assert await living.served(edge)
        living.viewers.find(*region)
    await until(living.viewers.also_to(region, of="us"))
