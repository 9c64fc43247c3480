"""What becomes of the plan when planners die in the middle, and servers are away."""

import asyncio
import signal
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from common.errors import Unavailable
from common.service import DatabaseSettings
from control_plane.planning import LeaseLost, open_plan_store
from control_plane.planning.mongodb import MongoPlanStore
from control_plane.planning.sqlite import SqlitePlanStore
from tests.contract.plan_store import (
    LONG,
    SHORT,
    at,
    decided,
    eventually,
    read,
    taken,
)
from tests.servers.relay import relay

DIES_IN_A_COMMIT = """
import asyncio, os, sys
from common.service import DatabaseSettings
from control_plane.planning import PlanRow, open_plan_store
from control_plane.planning.sqlite import SqlitePlanStore
from control_plane.planning.mongodb import MongoPlanStore

async def main(url, name):
    store = await open_plan_store(DatabaseSettings(mongodb=url, name=name))
    token = await store.acquire("doomed", 1.0)
    written = store._plan.insert_many
    async def insert_many(*given, **named):
        await written(*given, **named)
        if sys.argv[3] == "before the head":
            os.kill(os.getpid(), 9)
    store._plan.insert_many = insert_many
    deleting = store._plan.delete_many
    async def delete_many(*given, **named):
        os.kill(os.getpid(), 9)
    store._plan.delete_many = delete_many
    row = lambda asset: PlanRow(asset, ("doomed",), 0, False, 0.0)
    await store.commit(token, [row("a"), row("c")])

asyncio.run(main(*sys.argv[1:3]))
"""


@pytest.mark.parametrize("moment", ["before the head", "after the head"])
async def test_a_planner_that_is_killed_in_a_commit_leaves_all_of_it_or_nothing(
    moment: str, request: pytest.FixtureRequest
) -> None:
    settings = DatabaseSettings(
        mongodb=request.getfixturevalue("mongodb_server").url, name=f"plan_{uuid.uuid4().hex}"
    )
    store = await open_plan_store(settings)
    first = await taken(store, "first")
    await store.commit(first, decided("a", "b"))
    await store.release(first)
    assert settings.mongodb is not None
    command = (sys.executable, "-c", DIES_IN_A_COMMIT, settings.mongodb, settings.name, moment)
    died = await asyncio.create_subprocess_exec(*command)
    assert await died.wait() == -signal.SIGKILL

    whole = moment == "after the head"
    left = {row.asset_id: row.edges for row in await store.rows(0)}
    old, new = ("eu-1", "us-1"), ("doomed",)
    assert left == ({"a": new, "b": old, "c": new} if whole else {"a": old, "b": old})
    token = await eventually(lambda: store.acquire("next", LONG))
    revision = await store.commit(token, decided("b", "d"))
    after = {row.asset_id: row.edges for row in await store.rows(0)}
    assert after == {**left, "b": old, "d": old}
    assert {row.asset_id for row in await store.rows(revision - 1)} == {"b", "d"}
    await store.close()


async def test_what_a_paused_planner_still_sends_is_never_read(
    request: pytest.FixtureRequest,
) -> None:
    url, name = request.getfixturevalue("mongodb_server").url, f"plan_{uuid.uuid4().hex}"
    paused = await MongoPlanStore.open(url, name)
    other = await MongoPlanStore.open(url, name)
    old = await taken(paused, "one", SHORT)
    await paused.commit(old, decided("a", "b"))
    go_on, reached = asyncio.Event(), asyncio.Event()
    written = paused._plan.insert_many

    async def insert_many(*given: Any, **named: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await written(*given, **named)

    paused._plan.insert_many = insert_many  # type: ignore[method-assign] # the pause, at the worst moment
    sending = asyncio.create_task(paused.commit(old, decided("a", "c", edges=["wrong"])))
    await reached.wait()
    new = await eventually(lambda: other.acquire("two", LONG))
    revision = await other.commit(new, decided("a", edges=["eu-9"]))
    go_on.set()
    with pytest.raises(LeaseLost):
        await sending

    for reader in (paused, other):
        rows = await read(reader)
        assert rows == [*at(revision, decided("a", edges=["eu-9"])), *at(1, decided("b"))]
    later = await other.commit(new, decided("c"))
    assert [row.asset_id for row in await read(other, revision)] == ["c"]
    assert later > revision
    await asyncio.gather(paused.close(), other.close())


async def test_a_commit_that_failed_is_made_again(request: pytest.FixtureRequest) -> None:
    url, name = request.getfixturevalue("mongodb_server").url, f"plan_{uuid.uuid4().hex}"
    store = await MongoPlanStore.open(url, name)
    token = await taken(store)
    written = store._plan.insert_many
    failing = True

    async def insert_many(*given: Any, **named: Any) -> Any:
        await written(*given, **named)
        if failing:
            raise AutoReconnect("the connection broke")

    store._plan.insert_many = insert_many  # type: ignore[method-assign] # the network breaks here
    with pytest.raises(Unavailable):
        await store.commit(token, decided("a", "gone", edges=["wrong"]))
    failing = False
    revision = await store.commit(token, decided("a"))

    assert await read(store) == at(revision, decided("a"))
    assert await store.head() == revision
    await store.close()


async def test_a_database_that_is_away_at_first_is_used_when_it_comes(
    request: pytest.FixtureRequest,
) -> None:
    server = request.getfixturevalue("mongodb_server").url
    host = server.removeprefix("mongodb://").partition("/")[0]
    with relay(host) as way:
        way.close_way()
        url = f"mongodb://127.0.0.1:{way.port}/?directConnection=true"
        settings = DatabaseSettings(mongodb=url, name=f"plan_{uuid.uuid4().hex}")
        store = await open_plan_store(settings, later=True)
        with pytest.raises(Unavailable):
            await store.head()
        way.open_way()
        assert await store.head() == 0
        async with AsyncMongoClient[dict[str, Any]](server) as client:
            plan = client[settings.name]["plan"]
            async with asyncio.timeout(20):
                while len(await plan.index_information()) < 3:  # noqa: ASYNC110 - MongoDB tells nobody
                    await asyncio.sleep(0.1)
        await store.close()


async def test_a_database_that_never_comes_keeps_nobody_from_ending() -> None:
    settings = DatabaseSettings(mongodb="mongodb://127.0.0.1:1/")
    store = await open_plan_store(settings, later=True)
    await asyncio.sleep(0.1)
    async with asyncio.timeout(30):
        await store.close()


HOLDS = """
import asyncio, os, sys
from pathlib import Path
from control_plane.planning.sqlite import SqlitePlanStore

async def hold():
    store = await SqlitePlanStore.open(Path(sys.argv[1]))
    assert await store.acquire("one", 3600.0) == 1
    os._exit(0)

asyncio.run(hold())
"""


async def test_on_one_machine_the_lease_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDS, str(path))
    assert await process.wait() == 0
    store = await SqlitePlanStore.open(path)

    assert await store.acquire("two", LONG) == 2
    assert await store.acquire("three", LONG) is None
    await store.close()
