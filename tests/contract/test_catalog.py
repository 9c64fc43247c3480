"""What every adapter of the catalog promises, on SQLite and on a real MongoDB."""

import asyncio
import contextlib
import gc
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
from common.service import DatabaseSettings
from control_plane.catalog import (
    Catalog,
    Counts,
    EdgeRecord,
    History,
    Package,
    PackageConflict,
    Pin,
    Removal,
    open_catalog,
)
from tests.servers.databases import mongodb
from tests.unit.control_plane.records import announcement, heartbeat, holdings


@pytest.fixture(params=["sqlite", "mongodb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "data" / "control.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"catalog_{uuid.uuid4().hex}")


@pytest.fixture
async def catalog(settings: DatabaseSettings) -> AsyncIterator[Catalog]:
    opened = await open_catalog(settings)
    yield opened
    await opened.close()


async def packages(catalog: Catalog, since: float = 0.0) -> tuple[Package, ...]:
    return tuple([each async for portion in catalog.packages(since=since) for each in portion])


async def test_a_new_catalog_is_empty(catalog: Catalog) -> None:
    assert await packages(catalog) == ()
    assert await catalog.counts() == Counts(packages=0, pins=0, removals=0)
    assert await catalog.edges() == ()
    assert await catalog.pins() == ()
    assert await catalog.tombstones() == ()
    assert await catalog.open_removals() == ()


async def test_a_package_is_read_as_it_was_published(catalog: Catalog) -> None:
    told = announcement(
        title='"ü" <b>$where</b> \u2028',
        poster="v/a/1/poster.jpg",
        preview="v/a/1/preview.webp",
        storyboard="v/a/1/storyboard.vtt",
    )

    assert await catalog.publish(told, 5.5) == Package(told, 5.5)
    assert await packages(catalog) == (Package(told, 5.5),)
    assert await catalog.package("a", "1") == Package(told, 5.5)
    assert await catalog.package("a", "2") is None
    assert await catalog.package("b", "1") is None
    assert (await catalog.counts()).packages == 1


async def test_packages_are_read_from_a_time_on(catalog: Catalog) -> None:
    for name, at in (("a", 5.0), ("b", 6.5), ("c", 7.0)):
        await catalog.publish(announcement(name), at)

    found = await packages(catalog, since=6.5)
    assert sorted(package.published_at for package in found) == [6.5, 7]


@pytest.mark.parametrize("at_once", [1, 3])
async def test_more_packages_than_one_portion_are_each_read_once(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    # Of a million, MongoDB tells no more at once, and many were published at the same time.
    monkeypatch.setattr("common.service.mongodb.AT_ONCE", at_once)
    told = {f"p{number}": float(number // 4 + 1) for number in range(12)}
    for name, at in told.items():
        await catalog.publish(announcement(name), at)

    for since in (0.0, 2.0):
        found = await packages(catalog, since=since)
        assert sorted((each.announcement.asset_id, each.published_at) for each in found) == sorted(
            (name, at) for name, at in told.items() if at >= since
        )


LATER = ("profiles", "preview", "storyboard", "objects_of")
"""What packages had not when the first were published."""


async def test_a_package_from_before_there_were_previews_is_read(
    catalog: Catalog, settings: DatabaseSettings
) -> None:
    told = announcement(poster="v/a/1/poster.jpg")
    await catalog.publish(told, 5.5)
    members = [f"announcement.{name}" for name in LATER]
    if settings.sqlite is None:
        async with AsyncMongoClient[dict[str, Any]](settings.mongodb) as client:
            kept = client[settings.name]["packages"]
            await kept.update_many({}, {"$unset": dict.fromkeys(members, "")})
            assert await kept.count_documents({"announcement.profiles": {"$exists": True}}) == 0
    else:
        paths = ", ".join(f"'$.{name}'" for name in members)
        with sqlite3.connect(settings.sqlite) as other:
            other.execute(f"UPDATE packages SET record = json_remove(record, {paths})")
            assert "profiles" not in str(other.execute("SELECT record FROM packages").fetchall())

    assert await packages(catalog) == (Package(told, 5.5),)


async def test_publishing_the_same_again_changes_nothing(catalog: Catalog) -> None:
    await catalog.publish(announcement(), 1.0)

    assert await catalog.publish(announcement(), 2.0) == Package(announcement(), 1.0)
    assert (await catalog.counts()).packages == 1


async def test_the_same_version_with_another_manifest_is_refused(catalog: Catalog) -> None:
    await catalog.publish(announcement(), 1.0)

    with pytest.raises(PackageConflict, match="was announced before, with another manifest"):
        await catalog.publish(announcement(manifest_sha256="cd" * 32), 2.0)
    assert await packages(catalog) == (Package(announcement(), 1.0),)


async def test_of_many_announcements_at_once_one_counts(catalog: Catalog) -> None:
    answers = await asyncio.gather(*(catalog.publish(announcement(), t) for t in range(10)))

    assert len({answer.published_at for answer in answers}) == 1


async def test_an_older_version_that_comes_late_does_not_become_current(catalog: Catalog) -> None:
    await catalog.publish(announcement(version="2"), 1.0)
    await catalog.publish(announcement(version="1"), 2.0)

    asset = History.of(await packages(catalog)).assets["a"]
    assert asset.current.announcement.version == "2"
    assert len(asset.packages) == 2


def pin(version: str = "1", **changes: Any) -> Pin:
    given: dict[str, Any] = {"asset_id": "a", "newest": "2", "by": "operator", "at": 1.5}
    return Pin(version=version, **{**given, **changes})


def removal(name: str = "r1", at: float = 1.5, **changes: Any) -> Removal:
    given: dict[str, Any] = {"asset_id": "a", "versions": ("1", "2"), "by": "operator"}
    return Removal(removal_id=name, at=at, **{**given, **changes})


async def test_a_pin_takes_the_place_of_the_last_and_is_counted(catalog: Catalog) -> None:
    first = await catalog.pin(pin("1"))
    second = await catalog.pin(pin("2"))
    other = await catalog.pin(pin("1", asset_id="b"))

    assert (first.number, second.number, other.number) == (1, 2, 1)
    assert sorted(await catalog.pins(), key=lambda each: each.asset_id) == [second, other]
    assert (await catalog.counts()).pins == 3


async def test_every_one_of_many_pins_at_once_is_counted(catalog: Catalog) -> None:
    await asyncio.gather(*(catalog.pin(pin(str(number))) for number in range(20)))

    assert (await catalog.counts()).pins == 20


async def test_a_removal_is_read_as_it_was_ordered(catalog: Catalog) -> None:
    await catalog.add_removal(removal())
    await catalog.add_removal(removal(at=9.0))

    assert await catalog.removal("r1") == removal()
    assert await catalog.removal("r2") is None
    assert await catalog.tombstones() == (removal().tombstone,)
    assert (await catalog.counts()).removals == 1


async def test_removals_are_listed_by_age(catalog: Catalog) -> None:
    for name, at in (("b", 2.0), ("c", 3.0), ("a", 1.0)):
        await catalog.add_removal(removal(name, at))

    assert [each.removal_id for each in await catalog.open_removals()] == ["a", "b", "c"]
    assert [each.removal_id for each in await catalog.removals(limit=2)] == ["c", "b"]


async def test_the_newest_removal_of_a_version_is_found(catalog: Catalog) -> None:
    await catalog.add_removal(removal("old", 1.0))
    await catalog.add_removal(removal("new", 2.0, versions=("2",)))
    await catalog.add_removal(removal("other", 3.0, asset_id="b"))

    async def found(*versions: str, asset: str = "a") -> str | None:
        taken = await catalog.removal_of(asset, versions)
        return taken.removal_id if taken else None

    assert await found("1") == "old"
    assert await found("1", "2") == "new"
    assert await found("3") is None
    assert await found() is None
    assert await found("1", asset="b") == "other"


async def test_what_edges_confirm_first_counts(catalog: Catalog) -> None:
    await catalog.add_removal(removal())
    for edge, now in (("eu-1", 2.0), ("us_1", 3.25), ("eu-1", 4.0), ("0", 5.0)):
        await catalog.confirm_edge("r1", edge, now)
    await catalog.confirm_edge("unknown", "eu-1", 2.0)

    assert (await catalog.open_removals())[0].edges == {"eu-1": 2.0, "us_1": 3.25, "0": 5.0}


async def test_what_the_origin_deletes_adds_up_until_it_is_empty(catalog: Catalog) -> None:
    await catalog.add_removal(removal())
    await catalog.confirm_origin("r1", 10, None)
    await catalog.confirm_origin("r1", 5, 2.5)
    await catalog.confirm_origin("r1", 0, 3.5)

    assert await catalog.removal("r1") == removal(deleted=15, emptied_at=2.5)


async def test_a_removal_that_is_done_stays_known_and_is_not_open(catalog: Catalog) -> None:
    await catalog.add_removal(removal())
    await catalog.finish_removal("r1", 4.5)
    await catalog.finish_removal("r1", 5.5)

    assert await catalog.open_removals() == ()
    assert await catalog.removal("r1") == removal(done_at=4.5)
    assert await catalog.removal_of("a", ["2"]) == removal(done_at=4.5)


async def test_many_who_confirm_at_once_are_all_remembered(catalog: Catalog) -> None:
    await catalog.add_removal(removal())
    await asyncio.gather(
        *(catalog.confirm_edge("r1", f"e-{number}", 1.0) for number in range(30)),
        *(catalog.confirm_origin("r1", 1, None) for _ in range(30)),
    )

    found = await catalog.removal("r1")
    assert found is not None
    assert len(found.edges) == found.deleted == 30


async def test_an_edge_is_known_from_its_first_heartbeat(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(), 7.25)

    assert await catalog.edges() == (EdgeRecord(heartbeat(), 7.25),)


async def test_a_heartbeat_takes_the_place_of_the_last(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(sequence=1), 1.0)
    await catalog.record_heartbeat(heartbeat(sequence=2), 2.0)

    assert await catalog.edges() == (EdgeRecord(heartbeat(sequence=2), 2.0),)


async def test_holdings_stay_through_heartbeats(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(), 1.0)
    await catalog.record_holdings(holdings("eu-1", ("a", "1")))
    await catalog.record_heartbeat(heartbeat(sequence=2), 2.0)

    assert await catalog.holdings({"eu-1": None}) == (holdings("eu-1", ("a", "1")),)


async def test_holdings_take_the_place_of_the_last(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(), 1.0)
    await catalog.record_holdings(holdings("eu-1", ("a", "1")))
    await catalog.record_holdings(holdings("eu-1", ("b", "1"), held=1))

    assert await catalog.holdings({"eu-1": None}) == (holdings("eu-1", ("b", "1"), held=1),)


async def test_holdings_are_read_of_the_edges_that_are_asked_for(catalog: Catalog) -> None:
    for edge in ("eu-1", "eu-2", "eu-3"):
        await catalog.record_holdings(holdings(edge, ("a", "1")))

    found = await catalog.holdings({"eu-1": None, "eu-3": "another", "eu-4": None})
    assert {told.edge_id for told in found} == {"eu-1", "eu-3"}
    assert await catalog.holdings({}) == ()


async def test_holdings_that_are_known_are_not_read_again(catalog: Catalog) -> None:
    told = holdings("eu-1", ("a", "1"))
    await catalog.record_holdings(told)
    await catalog.record_holdings(holdings("eu-2", ("a", "1")))

    found = await catalog.holdings({"eu-1": told.revision, "eu-2": "another"})
    assert [each.edge_id for each in found] == ["eu-2"]


async def test_what_was_written_is_there_after_opening_again(
    settings: DatabaseSettings, catalog: Catalog
) -> None:
    await catalog.publish(announcement(), 1.0)
    await catalog.record_heartbeat(heartbeat(), 2.0)
    pinned = await catalog.pin(pin())
    await catalog.add_removal(removal())
    again = await open_catalog(settings)

    assert await packages(again) == (Package(announcement(), 1.0),)
    assert await again.pins() == (pinned,)
    assert await again.open_removals() == (removal(),)
    assert await again.edges() == (EdgeRecord(heartbeat(), 2.0),)
    await again.close()


async def test_a_closed_catalog_is_unavailable(settings: DatabaseSettings) -> None:
    opened = await open_catalog(settings)
    await opened.close()

    with pytest.raises(Unavailable):
        await packages(opened)


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 1000)

    with pytest.raises(Unavailable, match="the database text is not reachable"):
        await open_catalog(DatabaseSettings(sqlite=tmp_path / "text"))


@pytest.mark.parametrize(
    "named", [{}, {"sqlite": Path("a"), "mongodb": "mongodb://localhost"}], ids=["none", "both"]
)
async def test_settings_name_one_database(named: dict[str, Any]) -> None:
    with pytest.raises(SettingsInvalid, match="expected either sqlite or mongodb"):
        await open_catalog(DatabaseSettings(**named))


async def test_a_database_that_is_away_is_told_within_seconds_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.service.mongodb.ANSWER_WITHIN", 1000)
    with mongodb(tmp_path) as server:
        catalog = await open_catalog(DatabaseSettings(mongodb=server.url))
        await catalog.publish(announcement(), 1.0)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            for operation in (
                lambda: packages(catalog),
                lambda: catalog.publish(announcement("b"), 2.0),
                lambda: catalog.record_heartbeat(heartbeat(), 2.0),
            ):
                async with asyncio.timeout(3):
                    with pytest.raises(Unavailable, match="MongoDB is not reachable"):
                        await operation()
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert await catalog.publish(announcement("b"), 3.0)
        assert (await catalog.counts()).packages == 2
        await catalog.close()


# The driver leaves a socket to the garbage collector when its client is closed while connecting.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_no_server_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.service.mongodb.ANSWER_WITHIN", 500)
    with pytest.raises(Unavailable, match="MongoDB is not reachable"):
        await open_catalog(DatabaseSettings(mongodb="mongodb://127.0.0.1:9/"))
    gc.collect()


async def test_a_locked_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.service.sqlite.LOCK_WITHIN", 0.2)
    catalog = await open_catalog(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    other = sqlite3.connect(tmp_path / "control.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Unavailable, match="database is locked"):
            await catalog.publish(announcement(), 1.0)
    finally:
        other.close()
    await catalog.publish(announcement(), 2.0)
    await catalog.close()


async def everything(catalog: Catalog) -> None:
    await packages(catalog)
    await catalog.pins()
    await catalog.open_removals()
    await catalog.edges()
    await catalog.holdings({"eu-1": None})


@pytest.mark.parametrize("table", ["packages", "pins", "removals", "edges", "holdings"])
async def test_a_record_of_another_release_is_told_in_a_sentence(
    tmp_path: Path, table: str
) -> None:
    catalog = await open_catalog(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    await catalog.publish(announcement(), 1.0)
    await catalog.pin(pin())
    await catalog.add_removal(removal())
    await catalog.record_heartbeat(heartbeat(), 1.0)
    await catalog.record_holdings(holdings("eu-1", ("a", "1")))
    column = "heartbeat" if table == "edges" else "record"
    with sqlite3.connect(tmp_path / "control.sqlite") as other:
        other.execute(f"UPDATE {table} SET {column} = '{{}}'")
    other.close()

    with pytest.raises(NearcastError, match="is not a valid"):
        await everything(catalog)
    await catalog.close()


async def test_a_program_that_reads_the_file_does_not_hold_up_a_publish(tmp_path: Path) -> None:
    catalog = await open_catalog(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    await catalog.publish(announcement("a"), 1.0)
    other = sqlite3.connect(tmp_path / "control.sqlite", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM packages").fetchall()
    try:
        async with asyncio.timeout(2):
            await catalog.publish(announcement("b"), 1.0)
    finally:
        other.close()
    assert (await catalog.counts()).packages == 2
    await catalog.close()


async def test_packages_of_a_file_that_counted_none_are_counted(tmp_path: Path) -> None:
    settings = DatabaseSettings(sqlite=tmp_path / "control.sqlite")
    catalog = await open_catalog(settings)
    for asset in ("a", "b", "b"):
        await catalog.publish(announcement(asset), 1.0)
    await catalog.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "control.sqlite")) as other:
        other.executescript("DROP TRIGGER packages_counted; DROP TABLE counted;")

    catalog = await open_catalog(settings)
    assert (await catalog.counts()).packages == 2
    await catalog.publish(announcement("c"), 1.0)
    assert (await catalog.counts()).packages == 3
    await catalog.close()


async def test_publishes_heartbeats_and_reads_at_the_same_time_do_not_disturb_each_other(
    catalog: Catalog,
) -> None:
    async def publish(number: int) -> None:
        told = announcement(version=f"v{number:03}")
        assert (await catalog.publish(told, 1.0)).announcement == told

    async def beat(number: int) -> None:
        await catalog.record_heartbeat(heartbeat(f"e{number % 5}"), float(number))
        await packages(catalog)

    work = [part(number) for number in range(150) for part in (publish, beat)]
    await asyncio.gather(*work)

    assert (await catalog.counts()).packages == 150


# As above; it may have been connecting when it was cancelled.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_what_is_cancelled_while_mongodb_does_not_answer_ends(tmp_path: Path) -> None:
    with mongodb(tmp_path) as server:
        catalog = await open_catalog(DatabaseSettings(mongodb=server.url))
        for wait in (0.0, 0.01, 0.1, 0.3):
            os.kill(server.pid, signal.SIGSTOP)
            asking = asyncio.create_task(catalog.counts())
            try:
                await asyncio.sleep(wait)
                asking.cancel()
            finally:
                os.kill(server.pid, signal.SIGCONT)
            with pytest.raises(asyncio.CancelledError):
                await asking
        await catalog.close()
    # Later, another test's loop could have a socket of that number.
    gc.collect()
