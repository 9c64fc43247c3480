"""What every adapter that keeps operators' orders promises, on SQLite and on a real MongoDB."""

import asyncio
import os
import signal
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from common.errors import NearcastError, SettingsInvalid, Unavailable
from common.messages import EdgeStanding
from common.service import DatabaseSettings
from control_plane.standing import Standing, StandingStore, open_standings
from tests.servers.databases import mongodb


@pytest.fixture(params=["sqlite", "mongodb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "data" / "control.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"standing_{uuid.uuid4().hex}")


@pytest.fixture
async def store(settings: DatabaseSettings) -> AsyncIterator[StandingStore]:
    opened = await open_standings(settings)
    yield opened
    await opened.close()


def standing(edge_id: str = "eu-1", **changes: Any) -> Standing:
    given: dict[str, Any] = {
        "standing": EdgeStanding.DRAINING,
        "by": "ada",
        "at": 5.5,
        "reason": '"ü" <b>$where</b> \u2028',
    }
    return Standing(edge_id, **{**given, **changes})


async def test_at_first_nothing_was_ordered(store: StandingStore) -> None:
    assert await store.all() == ()


async def test_an_order_is_read_as_it_was_given(store: StandingStore) -> None:
    await store.put(standing())
    await store.put(standing("us-1", standing=EdgeStanding.MAINTENANCE, reason=""))

    read = sorted(await store.all(), key=lambda each: each.edge_id)
    assert read == [
        standing(),
        standing("us-1", standing=EdgeStanding.MAINTENANCE, reason=""),
    ]


async def test_an_order_takes_the_place_of_the_last(store: StandingStore) -> None:
    await store.put(standing())
    await store.put(standing(standing=EdgeStanding.IN_SERVICE, at=1.0))

    assert await store.all() == (standing(standing=EdgeStanding.IN_SERVICE, at=1.0),)


async def test_of_many_orders_at_once_one_is_left(store: StandingStore) -> None:
    await asyncio.gather(*(store.put(standing(at=float(number))) for number in range(20)))

    (left,) = await store.all()
    assert left.at in range(20)


async def test_orders_outlive_the_store(settings: DatabaseSettings) -> None:
    first = await open_standings(settings)
    await first.put(standing())
    await first.close()
    second = await open_standings(settings)

    assert await second.all() == (standing(),)
    await second.close()


async def test_an_order_that_this_release_cannot_read_is_an_error_of_ours(
    store: StandingStore, settings: DatabaseSettings
) -> None:
    await store.put(standing())
    if settings.sqlite is None:
        async with AsyncMongoClient[dict[str, Any]](settings.mongodb) as client:
            changed = await client[settings.name]["standings"].update_many(
                {}, {"$set": {"standing": "resting"}}
            )
            assert changed.modified_count == 1
    else:
        with sqlite3.connect(settings.sqlite) as other:
            other.execute("UPDATE standings SET record = json_set(record, '$.standing', 'resting')")
            assert "resting" in str(other.execute("SELECT record FROM standings").fetchall())

    with pytest.raises(NearcastError, match="resting"):
        await store.all()


async def test_one_database_has_to_be_named() -> None:
    with pytest.raises(SettingsInvalid):
        await open_standings(DatabaseSettings())


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no database" * 1000)

    with pytest.raises(Unavailable, match="the database file"):
        await open_standings(DatabaseSettings(sqlite=tmp_path / "file"))


async def test_a_server_that_went_away_is_told(tmp_path: Path) -> None:
    with mongodb(tmp_path) as server:
        store = await open_standings(DatabaseSettings(mongodb=server.url, name="away"))
        await store.put(standing())
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable, match="MongoDB"):
                await store.put(standing(at=6.0))
            with pytest.raises(Unavailable, match="MongoDB"):
                await store.all()
        finally:
            os.kill(server.pid, signal.SIGCONT)
            await store.close()


# The driver leaves a socket to the garbage collector when its client is closed while connecting.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_closing_does_not_wait_for_a_server_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.service.mongodb.ANSWER_WITHIN", 60_000)
    with mongodb(tmp_path) as server:
        store = await open_standings(DatabaseSettings(mongodb=server.url))
        await asyncio.gather(*(store.put(standing(f"eu-{number}")) for number in range(5)))
        os.kill(server.pid, signal.SIGKILL)
        asking = asyncio.create_task(store.all())
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        async with asyncio.timeout(20):
            await store.close()
