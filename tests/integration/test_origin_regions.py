"""Origins of several regions: copying, reading from each other's stores, removing from all."""

import asyncio
import contextlib
import dataclasses
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.clock import SystemClock
from common.errors import NearcastError
from common.service import Gatekeeper
from origin import app, remove
from origin.remove import Deletion
from origin.replicas import replication
from origin.replicas.copying import Copier, VersionRemoved
from origin.replicas.layout import COPYING, VersionName
from origin.replicas.regions import Region, Regions
from origin.settings import ReplicationSettings
from origin.store import (
    REMOVED,
    ObjectStore,
    ObjectUnknown,
    StoreSettings,
    mark_removed,
    open_store,
    put_bytes,
)
from tests.integration.origin_regions import (
    CREDENTIALS,
    FAST,
    NEVER,
    OriginClient,
    eventually,
    running,
    settings_of,
    source,
)
from tests.servers.relay import relay
from tests.stores import OBJECTS, Interposed, bucket_settings, content, publish, replace

KEY = "v/a/1/video/00001.m4s"
SEGMENT = OBJECTS["video/00001.m4s"]
NAME = VersionName("a", "1")


@dataclasses.dataclass(frozen=True)
class Two:
    """The stores of two regions."""

    settings: tuple[StoreSettings, StoreSettings]
    stores: tuple[ObjectStore, ObjectStore]

    @property
    def first(self) -> ObjectStore:
        """The store of the region eu, which ingest writes to."""
        return self.stores[0]

    @property
    def second(self) -> ObjectStore:
        """The store of the region us."""
        return self.stores[1]

    def us(self, **more: Any) -> app.Settings:
        """The settings of the origin of us."""
        eu, us = self.settings
        return settings_of("us", us, source("eu", eu), **more)

    def eu(self, **more: Any) -> app.Settings:
        """The settings of the origin of eu."""
        eu, us = self.settings
        return settings_of("eu", eu, source("us", us), **more)

    async def alike(self) -> bool:
        """Whether both hold the same, and nothing is under way."""
        under_way = await content(self.second, COPYING)
        return not under_way and await content(self.first) == await content(self.second)


@pytest.fixture(params=["folder-folder", "folder-s3", "s3-s3"])
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Two]:
    settings = tuple(
        StoreSettings(folder=tmp_path / name)
        if kind == "folder"
        else bucket_settings(request.getfixturevalue("s3_server"))
        for kind, name in zip(request.param.split("-"), ("eu", "us"), strict=True)
    )
    async with open_store(settings[0]) as first, open_store(settings[1]) as second:
        yield Two((settings[0], settings[1]), (first, second))


@pytest.fixture
async def folders(tmp_path: Path) -> AsyncIterator[Two]:
    one, other = (StoreSettings(folder=tmp_path / name) for name in ("eu", "us"))
    async with open_store(one) as first, open_store(other) as second:
        yield Two((one, other), (first, second))


# Copying.


async def test_what_there_is_when_an_origin_starts_is_copied(two: Two) -> None:
    await publish(two.first, "1")
    await publish(two.first, "2", asset="b")
    await put_bytes(two.first, "uploads/a/1", b"source", content_type="video/mp4")
    async with running(two.us(replication=NEVER)) as us:
        await eventually(two.alike)
        await eventually(lambda: _pending(us, 0))
        assert await us.metric("nearcast_origin_replication_packages_total") == 2
        assert await us.metric("nearcast_origin_replication_lag_seconds") == 0
    assert await content(two.second, "uploads/") == {}


async def _pending(origin: OriginClient, count: int) -> bool:
    return await origin.metric("nearcast_origin_replication_pending_packages") == count


async def test_new_assets_and_new_versions_are_found(two: Two) -> None:
    await publish(two.first, "1")
    async with running(two.us()):
        await eventually(two.alike)
        await publish(two.first, "2", asset="b")
        await eventually(two.alike)
        await publish(two.first, "3", asset="a")
        await eventually(two.alike)
        assert len(await content(two.second)) == 3 * (len(OBJECTS) + 1)


async def test_an_unfinished_package_is_not_copied(folders: Two) -> None:
    await put_bytes(folders.first, KEY, SEGMENT, content_type="video/mp4")
    await publish(folders.first, "2", asset="b")
    async with running(folders.us()):
        await eventually(lambda: _holds(folders.second, "v/b/2/manifest.json"))
    assert KEY not in await content(folders.second)


async def _holds(store: ObjectStore, key: str) -> bool:
    try:
        await store.head(key)
    except ObjectUnknown:
        return False
    return True


async def test_what_is_read_is_answered_at_once_and_copied(two: Two) -> None:
    async with running(two.us(replication=NEVER)) as us:
        assert await us.get(f"/{KEY}") == (404, (await us.get(f"/{KEY}"))[1])
        await publish(two.first, "1")
        assert await us.get(f"/{KEY}") == (200, SEGMENT)
        await eventually(two.alike)
        assert await us.metric('nearcast_origin_reads_elsewhere_total{store="eu"}') == 1
        assert await us.get(f"/{KEY}") == (200, SEGMENT)
        assert await us.metric('nearcast_origin_reads_elsewhere_total{store="eu"}') == 1


async def test_ranges_and_conditions_are_answered_from_another_store(two: Two) -> None:
    await publish(two.first, "1")
    async with running(two.us(replication=ReplicationSettings(enabled=False))) as us:
        assert await us.get(f"/{KEY}", Range="bytes=6-12") == (206, SEGMENT[6:13])
        assert (await us.get(f"/{KEY}", Range="bytes=999999-"))[0] == 416
        tag = (await two.first.head(KEY)).etag
        assert await us.get(f"/{KEY}", **{"If-None-Match": tag}) == (304, b"")
        await asyncio.sleep(0.1)
    assert await content(two.second) == {}


async def test_what_is_lost_in_the_background_is_found_and_put_right(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "CHECK_PAUSE", 0.1)
    await publish(two.first, "1")
    async with running(two.us()) as us:
        await eventually(two.alike)
        await two.second.delete(KEY)
        await replace(two.second, "v/a/1/main.m3u8", b"#EXT")
        await eventually(two.alike)

        async def both_counted() -> bool:
            return await us.metric(REPAIRED) == 2

        # They may be mended one by one.
        await eventually(both_counted)


async def test_packages_that_do_not_fit_into_memory_are_found_again(
    folders: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "MOST", 3)
    for number in range(20):
        await publish(folders.first, f"{number:02}", asset=f"a{number % 3}")
    async with running(folders.us(replication=NEVER)):
        await eventually(folders.alike)


# What goes wrong at the source.


async def test_a_damaged_object_is_told_and_its_package_not_copied(folders: Two) -> None:
    await publish(folders.first, "1")
    await replace(folders.first, KEY, b"other bytes")
    await publish(folders.first, "2", asset="b")
    async with running(folders.us()) as us:
        await eventually(lambda: _holds(folders.second, "v/b/2/manifest.json"))
        failures = 'nearcast_origin_replication_failures_total{reason="object-wrong",store="us"}'
        await eventually(lambda: _counts(us, failures))
        assert await _pending(us, 1)
        assert not await _holds(folders.second, NAME.manifest)

        await replace(folders.first, KEY, SEGMENT)
        await eventually(folders.alike)


async def _counts(origin: OriginClient, metric: str) -> bool:
    with contextlib.suppress(LookupError):
        return await origin.metric(metric) > 0
    return False


async def test_an_object_that_changes_after_it_was_copied_is_not_copied_again(
    folders: Two,
) -> None:
    await publish(folders.first, "1")
    async with running(folders.us()) as us:
        await eventually(folders.alike)
        await replace(folders.first, KEY, b"other bytes")
        await folders.second.delete("v/a/1/main.m3u8")
        assert await us.get("/v/a/1/main.m3u8") == (200, OBJECTS["main.m3u8"])
        await eventually(lambda: _counts(us, REPAIRED))
        assert await us.get(f"/{KEY}") == (200, SEGMENT)
        assert await _holds(folders.second, "v/a/1/main.m3u8")


REPAIRED = 'nearcast_origin_replication_repaired_objects_total{store="us"}'


async def test_a_source_that_is_away_and_back_is_copied_from(
    s3_server: Any, tmp_path: Path
) -> None:
    eu = bucket_settings(s3_server)
    assert eu.s3 is not None
    with relay(eu.s3.endpoint) as way:
        through = msgspec.structs.replace(eu.s3, endpoint=f"http://127.0.0.1:{way.port}")
        way.close_way()
        settings = settings_of(
            "us",
            StoreSettings(folder=tmp_path / "us"),
            source("eu", StoreSettings(s3=through)),
            replication=FAST,
        )
        async with (
            open_store(eu) as first,
            open_store(settings.store) as second,
            running(settings) as us,
        ):
            two = Two((eu, settings.store), (first, second))
            await publish(first, "1")
            await eventually(lambda: _away(us, "store eu"))
            assert (await us.ready())[0] == 200
            assert (await us.get(f"/{KEY}"))[0] == 503
            way.open_way()
            await eventually(two.alike)
            assert (await us.get(f"/{KEY}"))[0] == 200
            assert "away" not in (await us.ready())[1]


async def _away(origin: OriginClient, store: str) -> bool:
    return store in (await origin.ready())[1].get("away", {})


async def test_a_full_disk_is_told_and_what_had_room_is_whole(tmp_path: Path) -> None:
    script = textwrap.dedent(FULL_DISK)
    ran = await asyncio.to_thread(
        subprocess.run,
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == ["507", "manifest missing", "no mark", "copied"]


FULL_DISK = """
    import asyncio, pathlib, subprocess, sys
    from common.clock import SystemClock
    from common.errors import StorageFull
    from origin.replicas.copying import Copier
    from origin.replicas.layout import COPYING, VersionName
    from origin.replicas.regions import Region
    from origin.store.folder import FolderStore
    from tests.stores import content, publish

    home = pathlib.Path(sys.argv[1])
    small = home / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], check=True)

    async def main():
        source = await FolderStore.open(home / "source")
        target = await FolderStore.open(small)
        await publish(source, "1", {f"{n}.m4s": bytes(1_500_000) for n in range(4)})
        await publish(source, "2", {"0.m4s": bytes(500_000)})
        regions = Region("us", target), [Region("eu", source)]
        copier = Copier(*regions, SystemClock(), name="us", objects_at_once=2)
        try:
            await copier.copy(VersionName("a", "1"))
        except StorageFull as error:
            print(error.status)
        held = await content(target)
        print("manifest there" if "v/a/1/manifest.json" in held else "manifest missing")
        print("a mark" if await content(target, COPYING) else "no mark")
        await target.delete_prefix("v/a/1/")
        await copier.copy(VersionName("a", "2"))
        print("copied")

    asyncio.run(main())
"""


# Removing.


async def test_a_version_is_removed_from_every_store(two: Two) -> None:
    await publish(two.first, "1")
    await publish(two.first, "2")
    async with running(two.eu()) as eu, running(two.us()):
        await eventually(two.alike)
        # How many it deletes is chance: the other origin sees the mark and deletes too.
        status, told = await eu.delete("/v/a/1/")
        assert (status, told["prefix"], told["empty"]) == (200, "v/a/1/", True)
        for store in two.stores:
            assert {key.split("/")[2] for key in await content(store)} == {"2"}
            assert [*await content(store, REMOVED)] == ["removed/a/1"]


async def test_what_was_removed_does_not_come_back_from_any_store(two: Two) -> None:
    await publish(two.first, "1")
    async with running(two.eu()) as eu, running(two.us()) as us:
        await eventually(two.alike)
        assert (await eu.delete("/v/a/1/"))[0] == 200
        # Somebody puts it back behind everybody's back.
        await publish(two.first, "1")
        await publish(two.first, "2", asset="b")
        await eventually(lambda: _holds(two.second, "v/b/2/manifest.json"))
        assert await us.get(f"/{KEY}") == (404, (await us.get(f"/{KEY}"))[1])
        assert not [key for key in await content(two.second) if key.startswith("v/a/")]


async def test_a_removal_is_not_done_while_a_store_is_away(s3_server: Any, tmp_path: Path) -> None:
    us = bucket_settings(s3_server)
    assert us.s3 is not None
    eu = StoreSettings(folder=tmp_path / "eu")
    with relay(us.s3.endpoint) as way:
        through = msgspec.structs.replace(us.s3, endpoint=f"http://127.0.0.1:{way.port}")
        settings = settings_of("eu", eu, source("us", StoreSettings(s3=through)))
        async with (
            open_store(eu) as first,
            open_store(us) as second,
            running(settings) as origin,
        ):
            for store in (first, second):
                await publish(store, "1")
            way.close_way()
            status, told = await origin.delete("/v/a/1/")
            assert (status, told["code"] if "code" in told else told["title"]) == (
                503,
                "Unavailable",
            )
            assert await content(first) == {}, "what can be done is done"
            assert len(await content(second)) == len(OBJECTS) + 1
            way.open_way()
            await eventually(lambda: _deleted(origin))
            assert await content(second) == {}


async def _deleted(origin: OriginClient) -> bool:
    status, told = await origin.delete("/v/a/1/")
    return status == 200 and told["empty"]


async def test_what_was_removed_while_a_region_was_cut_off_is_removed_there_too(
    two: Two,
) -> None:
    for store in two.stores:
        await publish(store, "1")
        await publish(store, "2")
    await mark_removed(two.first, "a", "1")
    await two.first.delete_prefix("v/a/1/")
    async with running(two.us()):
        await eventually(lambda: _holds(two.second, "removed/a/1"))
        assert {key.split("/")[2] for key in await content(two.second)} == {"2"}
        assert await two.alike()


def between(first: ObjectStore, second: ObjectStore) -> tuple[Interposed, Copier, Deletion]:
    """Someone who copies from ``first`` to ``second``, and an origin that removes from both."""
    target = Interposed(second)
    copier = Copier(Region("us", target), [Region("eu", first)], SystemClock(), name="us")
    regions = Regions(Region("eu", first), (Region("us", second),))
    return target, copier, Deletion(regions, Gatekeeper(CREDENTIALS), SystemClock())


async def test_removing_while_it_is_copied_leaves_nothing_wherever_the_copy_stands(
    folders: Two,
) -> None:
    step = 0
    while True:
        version = f"{step}"
        name = VersionName("a", version)
        await publish(folders.first, version)
        target, copier, deletion = between(*folders.stores)
        steps = iter(range(step))
        removing: list[asyncio.Task[Any]] = []

        async def hold(steps: Any, name: VersionName, deletion: Deletion, removing: Any) -> None:
            if next(steps, None) is None and not removing:
                removing.append(asyncio.create_task(deletion._delete_version(name)))
                # Long enough for all of it, were the removal not to wait.
                await asyncio.sleep(0.05)

        target.before = lambda method, key: hold(steps, name, deletion, removing)  # noqa: B023
        with contextlib.suppress(VersionRemoved, NearcastError):
            await copier.copy(name)
        if not removing:
            break
        told = await removing[0]
        assert told.empty
        # From the word on, nothing is there, and nothing comes.
        for store in folders.stores:
            assert await content(store, name.prefix) == {}
        step += 1
    assert step > len(OBJECTS) + 4


async def test_a_removal_is_not_proven_while_a_copy_is_under_way(
    folders: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remove, "LONGEST", 0.5)
    await publish(folders.first, "1")
    await put_bytes(folders.second, NAME.copying("us"), b"", content_type="text/plain")
    async with running(folders.eu(replication=NEVER)) as eu:
        status, told = await eu.delete("/v/a/1/")
        assert (status, told["type"]) == (503, "urn:nearcast:problem:copy-under-way")
        # The origin that was killed while it copied is started again.
        async with running(folders.us(replication=NEVER)):
            await eventually(lambda: _deleted(eu))
    for store in folders.stores:
        assert await content(store, "v/") == {}
        assert await content(store, COPYING) == {}
