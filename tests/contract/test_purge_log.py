"""What every adapter of the log of purges promises, on SQLite and on a real MongoDB."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import AsyncMongoClient

from common.errors import NearcastError, SettingsInvalid, Unavailable
from common.messages import MessageInvalid, PurgeScope
from common.service import DatabaseSettings
from control_plane.purge import PurgeLog, PurgeRecord, open_purge_log
from tests.servers.databases import mongodb


@pytest.fixture(params=["sqlite", "mongodb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "data" / "control.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"purges_{uuid.uuid4().hex}")


@pytest.fixture
async def log(settings: DatabaseSettings) -> AsyncIterator[PurgeLog]:
    opened = await open_purge_log(settings)
    yield opened
    await opened.close()


def purge(name: str, **changes: Any) -> PurgeRecord:
    given: dict[str, Any] = {
        "purge_id": name,
        "scope": PurgeScope.PREFIX,
        "value": "v/a/1/",
        "soft": False,
        "by": "ops",
        "at": 1000.0,
    }
    return PurgeRecord(**{**given, **changes})


def named(prefix: str, count: int) -> list[PurgeRecord]:
    return [purge(f"{prefix}-{number}") for number in range(count)]


def numbers(records: tuple[PurgeRecord, ...]) -> list[int]:
    return [record.sequence for record in records]


def names(records: tuple[PurgeRecord, ...]) -> list[str]:
    return [record.purge_id for record in records]


async def test_a_new_log_is_empty(log: PurgeLog) -> None:
    assert await log.head() == 0
    assert await log.since(0, limit=10) == ()
    assert await log.recent(limit=10) == ()
    assert await log.purge("p") is None
    await log.trim(keep=1, before=1e12)
    assert await log.head() == 0


async def test_nothing_written_is_nothing_changed(log: PurgeLog) -> None:
    assert await log.append([]) == ()
    assert await log.head() == 0


async def test_a_purge_is_read_as_it_was_written(log: PurgeLog) -> None:
    told = purge("p", scope=PurgeScope.TAG, value='"ü"$x.y', soft=True, by="eve", at=5.25)

    (written,) = await log.append([told])

    assert written == msgspec.structs.replace(told, sequence=1)
    assert await log.purge("p") == written
    assert await log.since(0, limit=10) == (written,)
    assert await log.recent(limit=10) == (written,)


async def test_purges_are_numbered_in_their_order_from_one_on(log: PurgeLog) -> None:
    assert numbers(await log.append(named("a", 3))) == [1, 2, 3]
    assert numbers(await log.append(named("b", 2))) == [4, 5]
    assert await log.head() == 5
    assert names(await log.since(0, limit=10)) == ["a-0", "a-1", "a-2", "b-0", "b-1"]


async def test_as_many_are_read_as_are_asked_for(log: PurgeLog) -> None:
    await log.append(named("a", 5))

    assert numbers(await log.since(1, limit=2)) == [2, 3]
    assert numbers(await log.since(4, limit=2)) == [5]
    assert numbers(await log.since(5, limit=2)) == []
    assert numbers(await log.recent(limit=2)) == [5, 4]


async def test_a_thousand_are_written_at_once(log: PurgeLog) -> None:
    written = await log.append(named("a", 1000))

    assert numbers(written) == list(range(1, 1001))
    assert await log.since(0, limit=2000) == written


async def test_writers_at_once_leave_no_gap_and_no_number_twice(
    log: PurgeLog, settings: DatabaseSettings
) -> None:
    other = await open_purge_log(settings)
    try:
        written = await asyncio.gather(
            *(
                writer.append(named(f"{name}-{turn}", turn % 4 + 1))
                for turn in range(20)
                for name, writer in (("a", log), ("b", other))
            )
        )
    finally:
        await other.close()

    everything = await log.since(0, limit=1000)
    assert numbers(everything) == list(range(1, 101))
    assert sorted(everything, key=lambda one: one.sequence) == sorted(
        (record for records in written for record in records), key=lambda one: one.sequence
    )
    for records in written:
        assert numbers(records) == sorted(numbers(records))


async def test_what_was_answered_outlives_the_connection(
    log: PurgeLog, settings: DatabaseSettings
) -> None:
    written = await log.append(named("a", 2))
    await log.close()

    again = await open_purge_log(settings)
    try:
        assert await again.since(0, limit=10) == written
        assert numbers(await again.append([purge("b")])) == [3]
    finally:
        await again.close()


@pytest.mark.parametrize(("keep", "left"), [(10, 5), (3, 3), (1, 1), (0, 1)])
async def test_the_last_purges_are_kept(log: PurgeLog, keep: int, left: int) -> None:
    await log.append(named("a", 5))

    await log.trim(keep=keep, before=0.0)

    assert numbers(await log.since(0, limit=10)) == list(range(6 - left, 6))
    assert numbers(await log.append([purge("b")])) == [6]


@pytest.mark.parametrize(
    ("times", "left"),
    [
        ([1.0, 2.0, 30.0, 40.0], [3, 4]),
        ([1.0, 30.0, 2.0, 40.0], [2, 3, 4]),
        ([30.0, 1.0, 2.0, 3.0], [1, 2, 3, 4]),
        ([1.0, 2.0, 3.0, 4.0], [4]),
    ],
)
async def test_what_is_too_old_is_forgotten_but_never_from_between(
    log: PurgeLog, times: list[float], left: list[int]
) -> None:
    await log.append([purge(f"a-{number}", at=at) for number, at in enumerate(times)])

    await log.trim(keep=100, before=20.0)

    assert numbers(await log.since(0, limit=10)) == left
    assert (await log.purge("a-0") is None) == (1 not in left)
    assert await log.head() == 4


async def test_a_record_of_another_release_is_told_by_name(
    log: PurgeLog, settings: DatabaseSettings
) -> None:
    await log.append([purge("p")])
    if settings.sqlite is None:
        async with AsyncMongoClient[dict[str, Any]](settings.mongodb) as client:
            await client[settings.name]["purges"].update_many({}, {"$set": {"scope": "moon"}})
    else:
        with sqlite3.connect(settings.sqlite) as other:
            other.execute("UPDATE purges SET record = json_set(record, '$.scope', 'moon')")

    with pytest.raises(MessageInvalid, match="PurgeRecord"):
        await log.since(0, limit=10)


WRITER = """
import asyncio, sys
from common.messages import PurgeScope
from common.service import DatabaseSettings
from control_plane.purge import PurgeRecord, open_purge_log
from pathlib import Path

async def main(sqlite, mongodb, name):
    path = Path(sqlite) if sqlite else None
    log = await open_purge_log(DatabaseSettings(sqlite=path, mongodb=mongodb or None, name=name))
    turn = 0
    while True:
        batch = [
            PurgeRecord(f"{turn}-{n}", PurgeScope.EVERYTHING, "", False, "ops", 1.0)
            for n in range(50)
        ]
        written = await log.append(batch)
        print(written[-1].sequence, flush=True)
        turn += 1

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_writer_that_is_killed_loses_nothing_that_it_answered_and_leaves_no_gap(
    settings: DatabaseSettings, log: PurgeLog
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER),
        *(str(settings.sqlite or ""), settings.mongodb or "", settings.name),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(5):
        await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = (await process.stdout.read()).split()
    await process.wait()

    found = numbers(await log.since(0, limit=100_000))
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= max([250, *(int(line) for line in told[:-1])])
    (written,) = await log.append([purge("after")])
    assert written.sequence >= len(found) + 1


async def test_a_server_that_goes_away_is_told_and_then_written_to_again(tmp_path: Path) -> None:
    with mongodb(tmp_path) as server:
        log = await open_purge_log(DatabaseSettings(mongodb=server.url))
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable, match="MongoDB"):
                await log.append([purge("p")])
        finally:
            os.kill(server.pid, signal.SIGCONT)
        numbered = await log.append([purge("q")])
        assert (await log.recent(limit=1)) == numbered
        await log.close()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(b"not a database at all" * 100)

    with pytest.raises(NearcastError, match=r"control\.sqlite"):
        await open_purge_log(DatabaseSettings(sqlite=path))


async def test_settings_name_one_database() -> None:
    with pytest.raises(SettingsInvalid):
        await open_purge_log(DatabaseSettings())
