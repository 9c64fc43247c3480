"""Two control planes over three servers of MongoDB, whose primary dies, is cut off or is alone for
a moment: what was acknowledged is there afterwards, and the plan has one history."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import aiohttp
import pymongo
import pytest
from pymongo.errors import PyMongoError

from common.messages import encode
from tests.faults.control_planes import Fleet, Machines, fleet, machines
from tests.faults.network import network
from tests.faults.writing import Acknowledged, alike, more_than, routing, writing
from tests.integration.control_service import TOKENS
from tests.unit.control_plane.records import announcement

SERVERS = ("db-1", "db-2", "db-3")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    with (
        network(*SERVERS, "redis", "one", "two") as made,
        machines(made, folder, SERVERS) as running,
    ):
        yield running


@pytest.fixture
async def edges(here: Machines) -> AsyncIterator[Fleet]:
    async with fleet(here) as living:
        yield living


def connected(here: Machines, name: str) -> pymongo.MongoClient[dict[str, Any]]:
    """A client of one of the servers."""
    address = here.network.addresses[name]
    return pymongo.MongoClient(
        address, directConnection=True, serverSelectionTimeoutMS=500, socketTimeoutMS=2000
    )


def primary(here: Machines, among: tuple[str, ...] = SERVERS) -> str | None:
    """Which of these servers says that it is the primary."""
    for name in among:
        with contextlib.suppress(PyMongoError), connected(here, name) as client:
            if client.admin.command("hello")["isWritablePrimary"]:
                return name
    return None


async def elected(here: Machines, edges: Fleet, among: tuple[str, ...] = SERVERS) -> str:
    """The primary, once one of these servers is."""
    found: list[str] = []

    async def one() -> bool:
        told = await asyncio.to_thread(primary, here, among)
        found.extend([told] if told else [])
        return bool(found)

    await edges.until(one)
    return found[-1]


def besides(name: str) -> tuple[str, ...]:
    """The other servers."""
    return tuple(other for other in SERVERS if other != name)


async def gone_on(edges: Fleet, done: Acknowledged) -> None:
    """Waits until assets are published and purged at both control planes again."""
    count = len(done.assets)
    await edges.until(lambda: more_than(done, count + 10))
    for name in edges.talks:
        await edges.until(partial(edges.placed, name, done.assets[-1]))


def one_history(here: Machines, done: Acknowledged) -> None:
    """Looks whether the database has everything, once, and whether planners took turns."""
    leader = primary(here)
    assert leader is not None
    with connected(here, leader) as client:
        kept = client["nearcast"]
        purges = list(kept["purges"].find().sort("_id"))
        assert [purge["_id"] for purge in purges] == list(range(1, len(purges) + 1))
        numbers = {purge["purge_id"]: purge["_id"] for purge in purges}
        assert len(numbers) == len(purges)
        assert done.purges.items() <= numbers.items()
        assert {f"{asset}/1" for asset in done.assets} <= {*kept["packages"].distinct("_id")}
        wanted = {"ns": "nearcast.planner", "op": {"$in": ["i", "u"]}}
        changes = [
            changed(entry["o"]) for entry in client["local"]["oplog.rs"].find(wanted).sort("ts")
        ]
    heads, tokens = (
        [change[name] for change in changes if name in change] for name in ("head", "token")
    )
    assert len(heads) > 10
    assert heads == sorted({*heads}), "each commit builds on the one before it"
    assert tokens == list(range(tokens[0], tokens[0] + len(tokens))), "no lease comes back"
    assert all("holder" in change for change in changes if "token" in change)


def changed(written: dict[str, Any]) -> dict[str, Any]:
    """The fields that a write changed in a document."""
    diff = written.get("diff")
    return {**diff.get("u", {}), **diff.get("i", {})} if diff is not None else written


async def test_what_few_servers_have_yet_is_not_acknowledged_and_read_once_a_majority_has_it(
    here: Machines, edges: Fleet
) -> None:
    leader = await elected(here, edges)
    for name in besides(leader):
        here.signal(name, signal.SIGSTOP)
    try:
        answers = await asyncio.gather(*(publish(here, name, "early") for name in edges.talks))
        assert answers == [503, 503]
    finally:
        for name in besides(leader):
            here.signal(name, signal.SIGCONT)

    async def taken() -> bool:
        return await publish(here, "one", "early") == 201

    await edges.until(taken)
    await edges.until(partial(edges.placed, "two", "early"))
    assert await edges.routed("two", "early")


async def publish(here: Machines, name: str, asset: str) -> int:
    """What publishing an asset at a control plane comes to, however long that takes."""
    url, body = f"{here.url(name)}/v1/packages", encode(announcement(asset))
    headers = {"Authorization": f"Bearer {TOKENS['ingest']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_when_the_primary_is_killed_nothing_is_lost(here: Machines, edges: Fleet) -> None:
    async with writing(edges) as done:
        await edges.until(lambda: more_than(done, 10))
        await edges.until(partial(edges.placed, "two", done.assets[0]))
        async with routing(edges, done.assets[0]):
            killed = await elected(here, edges)
            here.signal(killed, signal.SIGKILL)
            await elected(here, edges, besides(killed))
            await gone_on(edges, done)
            here.start_mongodb(killed)
            for name in edges.talks:
                await edges.until(partial(edges.is_ready, name))
            await gone_on(edges, done)
    await alike(edges, done)
    one_history(here, done)


async def test_when_the_primary_is_cut_off_from_the_others_nothing_is_lost(
    here: Machines, edges: Fleet
) -> None:
    async with writing(edges) as done:
        await edges.until(lambda: more_than(done, 10))
        await edges.until(partial(edges.placed, "two", done.assets[0]))
        async with routing(edges, done.assets[0]):
            cut = await elected(here, edges)
            with here.network.apart([cut], besides(cut)):
                await elected(here, edges, besides(cut))
                await gone_on(edges, done)
            for name in edges.talks:
                await edges.until(partial(edges.is_ready, name))
            await gone_on(edges, done)
    await alike(edges, done)
    one_history(here, done)
