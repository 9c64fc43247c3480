"""What every adapter of the catalog promises, on SQLite and on a real MongoDB."""

import asyncio
import gc
import os
import signal
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.errors import NearcastError, SettingsInvalid, Unavailable
from common.service import DatabaseSettings
from control_plane.catalog import (
    Catalog,
    EdgeRecord,
    Package,
    PackageConflict,
    open_catalog,
)
from control_plane.catalog.records import group_by_asset
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


async def test_a_new_catalog_is_empty(catalog: Catalog) -> None:
    assert await catalog.packages() == ()
    assert await catalog.package_count() == 0
    assert await catalog.edges() == ()


async def test_a_package_is_read_as_it_was_published(catalog: Catalog) -> None:
    told = announcement(title='"ü" <b>$where</b> \u2028', poster="v/a/1/poster.jpg")

    assert await catalog.publish(told, 5.5) == Package(told, 5.5)
    assert await catalog.packages() == (Package(told, 5.5),)
    assert await catalog.package_count() == 1


async def test_publishing_the_same_again_changes_nothing(catalog: Catalog) -> None:
    await catalog.publish(announcement(), 1.0)

    assert await catalog.publish(announcement(), 2.0) == Package(announcement(), 1.0)
    assert await catalog.package_count() == 1


async def test_the_same_version_with_another_manifest_is_refused(catalog: Catalog) -> None:
    await catalog.publish(announcement(), 1.0)

    with pytest.raises(PackageConflict, match="was announced before, with another manifest"):
        await catalog.publish(announcement(manifest_sha256="cd" * 32), 2.0)
    assert await catalog.packages() == (Package(announcement(), 1.0),)


async def test_of_many_announcements_at_once_one_counts(catalog: Catalog) -> None:
    answers = await asyncio.gather(*(catalog.publish(announcement(), t) for t in range(10)))

    assert len({answer.published_at for answer in answers}) == 1


async def test_an_older_version_that_comes_late_does_not_become_current(catalog: Catalog) -> None:
    await catalog.publish(announcement(version="2"), 1.0)
    await catalog.publish(announcement(version="1"), 2.0)

    asset = group_by_asset(await catalog.packages())["a"]
    assert asset.current.announcement.version == "2"
    assert len(asset.packages) == 2


async def test_an_edge_is_known_from_its_first_heartbeat(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(), 7.25)

    assert await catalog.edges() == (EdgeRecord(heartbeat(), 7.25, None),)


async def test_a_heartbeat_takes_the_place_of_the_last(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(sequence=1), 1.0)
    await catalog.record_heartbeat(heartbeat(sequence=2), 2.0)

    assert await catalog.edges() == (EdgeRecord(heartbeat(sequence=2), 2.0, None),)


async def test_holdings_stay_through_heartbeats(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(), 1.0)
    await catalog.record_holdings(holdings("eu-1", ("a", "1")))
    await catalog.record_heartbeat(heartbeat(sequence=2), 2.0)

    assert await catalog.holdings(["eu-1"]) == (holdings("eu-1", ("a", "1")),)


async def test_holdings_take_the_place_of_the_last(catalog: Catalog) -> None:
    await catalog.record_heartbeat(heartbeat(), 1.0)
    await catalog.record_holdings(holdings("eu-1", ("a", "1")))
    await catalog.record_holdings(holdings("eu-1", ("b", "1"), held=1))

    assert await catalog.holdings(["eu-1"]) == (holdings("eu-1", ("b", "1"), held=1),)


async def test_holdings_are_read_of_the_edges_that_are_asked_for(catalog: Catalog) -> None:
    for edge in ("eu-1", "eu-2", "eu-3"):
        await catalog.record_holdings(holdings(edge, ("a", "1")))

    found = await catalog.holdings(["eu-1", "eu-3", "eu-4"])
    assert {told.edge_id for told in found} == {"eu-1", "eu-3"}
    assert await catalog.holdings([]) == ()


async def test_what_was_written_is_there_after_opening_again(
    settings: DatabaseSettings, catalog: Catalog
) -> None:
    await catalog.publish(announcement(), 1.0)
    await catalog.record_heartbeat(heartbeat(), 2.0)
    again = await open_catalog(settings)

    assert await again.packages() == (Package(announcement(), 1.0),)
    assert await again.edges() == (EdgeRecord(heartbeat(), 2.0, None),)
    await again.close()


async def test_a_closed_catalog_is_unavailable(settings: DatabaseSettings) -> None:
    opened = await open_catalog(settings)
    await opened.close()

    with pytest.raises(Unavailable):
        await opened.packages()


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
                catalog.packages,
                lambda: catalog.publish(announcement("b"), 2.0),
                lambda: catalog.record_heartbeat(heartbeat(), 2.0),
            ):
                async with asyncio.timeout(3):
                    with pytest.raises(Unavailable, match="MongoDB is not reachable"):
                        await operation()
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert await catalog.publish(announcement("b"), 3.0)
        assert await catalog.package_count() == 2
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
    await catalog.packages()
    await catalog.edges()
    await catalog.holdings(["eu-1"])


@pytest.mark.parametrize("table", ["packages", "edges", "holdings"])
async def test_a_record_of_another_release_is_told_in_a_sentence(
    tmp_path: Path, table: str
) -> None:
    catalog = await open_catalog(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    await catalog.publish(announcement(), 1.0)
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
    assert await catalog.package_count() == 2
    await catalog.close()


async def test_publishes_heartbeats_and_reads_at_the_same_time_do_not_disturb_each_other(
    catalog: Catalog,
) -> None:
    async def publish(number: int) -> None:
        told = announcement(version=f"v{number:03}")
        assert (await catalog.publish(told, 1.0)).announcement == told

    async def beat(number: int) -> None:
        await catalog.record_heartbeat(heartbeat(f"e{number % 5}"), float(number))
        await catalog.packages()

    work = [part(number) for number in range(150) for part in (publish, beat)]
    await asyncio.gather(*work)

    assert await catalog.package_count() == 150
