"""What every adapter of the plan promises, on SQLite and on a real MongoDB."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import SettingsInvalid, Unavailable
from common.service import DatabaseSettings
from control_plane.planning import LeaseLost, PlanStore, open_plan_store
from tests.contract.plan_store import (
    LONG,
    SHORT,
    at,
    decided,
    eventually,
    read,
    shift_lease,
    taken,
)


@pytest.fixture(params=["sqlite", "mongodb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "data" / "control.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"plan_{uuid.uuid4().hex}")


@pytest.fixture
async def store(settings: DatabaseSettings) -> AsyncIterator[PlanStore]:
    opened = await open_plan_store(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def other(settings: DatabaseSettings) -> AsyncIterator[PlanStore]:
    """The same plan, as another control plane sees it."""
    opened = await open_plan_store(settings)
    yield opened
    await opened.close()


async def test_a_new_plan_is_empty(store: PlanStore) -> None:
    assert await store.head() == 0
    assert await store.rows(0) == ()
    assert await store.demand() == ()


async def test_one_holder_has_the_lease_and_keeps_its_token(
    store: PlanStore, other: PlanStore
) -> None:
    token = await taken(store, "one")

    assert await other.acquire("two", LONG) is None
    assert await store.acquire("one", LONG) == token
    assert await other.acquire("two", LONG) is None


async def test_of_many_who_ask_at_once_one_gets_the_lease(
    store: PlanStore, other: PlanStore
) -> None:
    asked = await asyncio.gather(
        *(each.acquire(f"{name}-{n}", LONG) for n in range(10) for name, each in both(store, other))
    )

    assert len([token for token in asked if token is not None]) == 1


def both(store: PlanStore, other: PlanStore) -> tuple[tuple[str, PlanStore], ...]:
    return (("a", store), ("b", other))


async def test_a_lease_that_was_given_back_is_taken_at_once_under_another_token(
    store: PlanStore, other: PlanStore
) -> None:
    first = await taken(store, "one")
    await store.release(first)

    second = await taken(other, "two")
    assert second > first
    await store.release(first)
    assert await store.acquire("one", LONG) is None


async def test_who_gave_the_lease_back_gets_another_token(store: PlanStore) -> None:
    first = await taken(store)
    await store.release(first)

    assert await taken(store) > first


async def test_a_lease_ends_by_itself(store: PlanStore, other: PlanStore) -> None:
    first = await taken(store, "one", SHORT)

    second = await eventually(lambda: other.acquire("two", LONG))
    assert second > first
    assert await store.acquire("one", LONG) is None


async def test_a_lease_that_ended_is_renewed_while_nobody_else_wants_it(store: PlanStore) -> None:
    token = await taken(store, "one", SHORT)
    await asyncio.sleep(2 * SHORT)

    assert await store.acquire("one", LONG) == token
    assert await store.commit(token, decided("a")) == 1


async def test_a_clock_that_is_set_back_keeps_nobody_waiting(
    store: PlanStore, other: PlanStore, settings: DatabaseSettings
) -> None:
    first = await taken(store, "one", 60)
    await shift_lease(settings, 24 * 3600)

    assert await taken(other, "two") > first
    with pytest.raises(LeaseLost):
        await store.commit(first, decided("a"))


async def test_a_clock_that_is_set_forward_ends_the_lease_and_nothing_else(
    store: PlanStore, other: PlanStore, settings: DatabaseSettings
) -> None:
    first = await taken(store, "one", 60)
    await shift_lease(settings, -61)
    second = await taken(other, "two")

    with pytest.raises(LeaseLost):
        await store.commit(first, decided("a", edges=["wrong"]))
    assert await other.commit(second, decided("a")) > 0
    assert [row.edges for row in await read(store)] == [("eu-1", "us-1")]


async def test_what_is_committed_is_read(store: PlanStore, other: PlanStore) -> None:
    token = await taken(store)
    rows = [
        *decided("a", urgent=True, priority=1.0),
        *decided("b", edges=()),
        *decided("c", edges=["x"]),
    ]

    assert await store.commit(token, rows) == 1
    assert await other.head() == 1
    assert await read(other) == at(1, rows)


async def test_what_is_newer_than_known_is_read(store: PlanStore, other: PlanStore) -> None:
    token = await taken(store)
    await store.commit(token, decided("a", "b", "c"))
    second = await store.commit(token, decided("b", edges=["eu-2"]))
    third = await store.commit(token, decided("d"))

    assert second < third == await other.head()
    assert await read(other, third) == []
    assert await read(other, second) == at(third, decided("d"))
    assert await read(other, 1) == [
        *at(second, decided("b", edges=["eu-2"])),
        *at(third, decided("d")),
    ]
    assert [row.asset_id for row in await read(other)] == ["a", "b", "c", "d"]


async def test_a_commit_of_nothing_changes_nothing(store: PlanStore) -> None:
    token = await taken(store)
    first = await store.commit(token, decided("a"))

    assert await store.commit(token, []) == first == await store.head()
    with pytest.raises(LeaseLost):
        await store.commit(token + 1, [])


async def test_nothing_is_committed_without_a_lease(store: PlanStore) -> None:
    with pytest.raises(LeaseLost):
        await store.commit(1, decided("a"))
    assert await store.head() == 0


async def test_a_planner_that_lost_its_lease_writes_nothing_over_its_successor(
    store: PlanStore, other: PlanStore
) -> None:
    old = await taken(store, "one", SHORT)
    await store.commit(old, decided("a", "b"))
    new = await eventually(lambda: other.acquire("two", LONG))
    revision = await other.commit(new, decided("a", edges=["eu-9"]))

    with pytest.raises(LeaseLost):
        await store.commit(old, decided("a", "b", "c", edges=["wrong"]))
    assert await other.head() == revision
    assert await read(other) == [*at(revision, decided("a", edges=["eu-9"])), *at(1, decided("b"))]


async def test_readers_see_all_of_a_commit_or_nothing(store: PlanStore, other: PlanStore) -> None:
    token = await taken(store)
    names = [f"a{number:04}" for number in range(3000)]
    await store.commit(token, decided(*names, edges=["1"]))
    ended = asyncio.Event()

    async def commit() -> None:
        for number in range(2, 7):
            await store.commit(token, decided(*names, edges=[str(number)]))
        ended.set()

    writing = asyncio.create_task(commit())
    seen = set()
    while not ended.is_set():
        rows = await other.rows(0)
        assert len(rows) == len(names)
        assert len({(row.edges, row.revision) for row in rows}) == 1
        seen.add(rows[0].edges)
    await writing
    assert len(seen) > 1
    assert {row.edges for row in await other.rows(0)} == {("6",)}


async def test_a_large_commit_is_one(store: PlanStore, other: PlanStore) -> None:
    token = await taken(store)
    names = [f"asset-{number:06}" for number in range(12_345)]

    assert await store.commit(token, decided(*names)) == 1
    assert await read(other) == at(1, decided(*names))


async def test_demand_adds_up_by_asset_region_and_era(store: PlanStore, other: PlanStore) -> None:
    await store.add_demand([("a", "eu", 1.5), ("a", "us", 2.0), ("a", "eu", 0.25)])
    await other.add_demand([("a", "eu", 1.0), ("b", "eu", 8.0)])
    await other.add_demand([("a", "eu", 5.0)], era=1)
    await other.add_demand([])

    assert sorted(await store.demand()) == [
        ("a", "eu", 0, 2.75),
        ("a", "eu", 1, 5.0),
        ("a", "us", 0, 2.0),
        ("b", "eu", 0, 8.0),
    ]


async def test_the_largest_sums_are_told_the_newest_era_first(store: PlanStore) -> None:
    await store.add_demand([("a", "eu", 9.0), ("b", "eu", 8.0)], era=1)
    await store.add_demand([("a", "eu", 1.0), ("a", "us", 2.0), ("c", "eu", 3.0)], era=2)

    largest = [("c", "eu", 2, 3.0), ("a", "us", 2, 2.0), ("a", "eu", 2, 1.0), ("a", "eu", 1, 9.0)]
    assert list(await store.most_demanded(4)) == largest


async def test_demand_of_many_at_once_is_not_lost(store: PlanStore, other: PlanStore) -> None:
    await asyncio.gather(
        *(
            each.add_demand([("a", "eu", 1.0), (f"a{number}", "eu", 1.0)])
            for number in range(20)
            for each in (store, other)
        )
    )

    found = {demand.asset_id: demand.total for demand in await store.demand()}
    assert found == {"a": 40.0, **{f"a{number}": 2.0 for number in range(20)}}


@pytest.mark.parametrize("at_once", [1, 3])
async def test_more_rows_and_sums_than_one_portion_are_each_read_once(
    store: PlanStore, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("common.service.mongodb.AT_ONCE", at_once)
    names = [f"a{number}" for number in range(7)]
    token = await taken(store, "one")
    await store.commit(token, decided(*names))
    await store.commit(token, decided(*names[:3]))
    await store.add_demand([(name, region, 1.0) for name in names for region in ("eu", "us")])

    rows = await store.rows(0)
    assert sorted((row.asset_id, row.revision) for row in rows) == [
        *((name, 2) for name in names[:3]),
        *((name, 1) for name in names[3:]),
    ]
    found = [(demand.asset_id, demand.region) for demand in await store.demand()]
    assert sorted(found) == [(name, region) for name in names for region in ("eu", "us")]
    assert len(await store.most_demanded(9)) == 9


async def test_demand_of_old_eras_is_forgotten(store: PlanStore) -> None:
    for era in (3, 4, 5):
        await store.add_demand([("a", "eu", 1.0)], era)
    await store.forget_demand(5)
    await store.forget_demand(5)

    assert await store.demand() == (("a", "eu", 5, 1.0),)


async def test_what_was_committed_is_there_after_a_restart(settings: DatabaseSettings) -> None:
    store = await open_plan_store(settings)
    token = await taken(store)
    await store.commit(token, decided("a"))
    await store.add_demand([("a", "eu", 1.0)])
    await store.close()

    store = await open_plan_store(settings)
    assert await read(store) == at(1, decided("a"))
    assert await store.demand() == (("a", "eu", 0, 1.0),)
    assert await store.acquire("two", LONG) is None
    await store.close()


async def test_a_plan_needs_one_database() -> None:
    with pytest.raises(SettingsInvalid, match="either sqlite or mongodb"):
        await open_plan_store(DatabaseSettings())


async def test_a_database_that_is_none_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database, and long enough to be told from one" * 9)
    with pytest.raises(Unavailable, match="not reachable"):
        await open_plan_store(DatabaseSettings(sqlite=tmp_path / "text"))
