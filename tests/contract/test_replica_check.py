"""Holding stores of every kind against each other, and repairing them, with a real S3 server."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from common.errors import Unavailable
from common.messages import encode
from origin.replicas.audit import Audit, Told, Totals
from origin.replicas.checking import Flaw
from origin.replicas.layout import COPYING, VersionName
from origin.replicas.regions import Region, Regions
from origin.store import REMOVED, ObjectStore, mark_removed, put_bytes
from tests.stores import OBJECTS, content, manifest_of, opened, publish, replace

SEGMENT = "v/a/1/video/00001.m4s"
INIT = "v/a/1/video/init.mp4"
MANIFEST = "v/a/1/manifest.json"
LOST = "v/a/1/video/00000.m4s"


class Stores:
    """The stores of two regions."""

    def __init__(self, eu: ObjectStore, us: ObjectStore) -> None:
        self.eu = eu
        self.us = us
        self.regions = Regions(Region("eu", eu), (Region("us", us),))

    async def check(self, *, deep: bool = False, repair: bool = False) -> tuple[list[Told], Totals]:
        audit = Audit(self.regions, SystemClock(), deep=deep, repair=repair)
        return [told async for told in audit.run()], audit.totals

    async def found(self, *, deep: bool = False) -> list[tuple[str, Flaw, str]]:
        told, _ = await self.check(deep=deep)
        return [(one.finding.store, one.finding.flaw, one.finding.key) for one in told]

    async def repaired(self, *, deep: bool = False) -> bool:
        """Repairs; whether a look after that finds nothing."""
        told, totals = await self.check(repair=True, deep=deep)
        assert all(one.repaired for one in told), told
        assert totals.repaired == totals.flaws == len(told)
        return await self.found(deep=True) == []


@pytest.fixture(params=["folder-folder", "folder-s3", "s3-s3"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    def server() -> Any:
        return request.getfixturevalue("s3_server")

    one, other = request.param.split("-")
    async with (
        opened(one, tmp_path / "eu", server) as eu,
        opened(other, tmp_path / "us", server) as us,
    ):
        yield Stores(eu, us)


@pytest.fixture
async def alike(stores: Stores) -> Stores:
    """Both hold the same two versions."""
    for store in (stores.eu, stores.us):
        await publish(store, "1")
        await publish(store, "2")
    return stores


async def test_stores_that_are_alike_have_no_flaw(alike: Stores) -> None:
    told, totals = await alike.check(deep=True)

    assert told == []
    assert totals == Totals(versions=2, objects=4 * len(OBJECTS))


async def test_a_package_that_one_lacks_is_found_and_copied_either_way(stores: Stores) -> None:
    await publish(stores.eu, "1")
    await publish(stores.us, "2")

    assert await stores.found() == [
        ("us", Flaw.NO_PACKAGE, "v/a/1/"),
        ("eu", Flaw.NO_PACKAGE, "v/a/2/"),
    ]
    assert await stores.repaired()
    assert await content(stores.eu) == await content(stores.us)


@pytest.mark.parametrize("region", ["eu", "us"])
async def test_what_is_missing_or_cut_short_is_found_and_put_right(
    alike: Stores, region: str
) -> None:
    store: ObjectStore = getattr(alike, region)
    await store.delete(INIT)
    await replace(store, SEGMENT, OBJECTS["video/00001.m4s"][:100])

    assert sorted(await alike.found()) == [
        (region, Flaw.MISSING, INIT),
        (region, Flaw.WRONG_SIZE, SEGMENT),
    ]
    assert await alike.repaired()


@pytest.mark.parametrize("region", ["eu", "us"])
async def test_wrong_bytes_are_found_by_reading_them(alike: Stores, region: str) -> None:
    body = OBJECTS["video/00001.m4s"]
    await replace(getattr(alike, region), SEGMENT, body[:-1] + b"?")

    assert await alike.found() == []
    assert await alike.found(deep=True) == [(region, Flaw.WRONG_BYTES, SEGMENT)]
    assert await alike.repaired(deep=True)


async def test_bytes_that_rotted_unnoticed_are_put_right(tmp_path: Path) -> None:
    async with (
        opened("folder", tmp_path / "eu", None) as eu,
        opened("folder", tmp_path / "us", None) as us,
    ):
        stores = Stores(eu, us)
        for store in (eu, us):
            await publish(store, "1")
        path = tmp_path / "us" / SEGMENT
        status = path.stat()
        with path.open("r+b") as file:
            file.write(b"?")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert await stores.found(deep=True) == [("us", Flaw.WRONG_BYTES, SEGMENT)]

        assert await stores.repaired(deep=True)


async def test_what_nobody_has_right_is_told_and_kept(alike: Stores) -> None:
    wrong = OBJECTS["video/00001.m4s"][:-1] + b"?"
    for store in (alike.eu, alike.us):
        await replace(store, SEGMENT, wrong)
    told, totals = await alike.check(deep=True, repair=True)

    assert [(one.finding.store, one.repaired) for one in told] == [("eu", False), ("us", False)]
    assert all(one.trouble for one in told)
    assert totals.repaired == 0
    assert (await content(alike.eu))[SEGMENT] == wrong


async def test_what_nobody_has_right_keeps_nothing_else_from_being_put_right(
    stores: Stores,
) -> None:
    objects = {f"video/{number:05}.m4s": b"%d" % number for number in range(40)}
    for store in (stores.eu, stores.us):
        await publish(store, "1", objects)
        await store.delete("v/a/1/video/00000.m4s")
    for number in (1, 39):
        await stores.us.delete(f"v/a/1/video/{number:05}.m4s")

    told, totals = await stores.check(repair=True)

    assert [(one.finding.store, one.finding.key, one.repaired) for one in told] == [
        ("eu", LOST, False),
        ("us", LOST, False),
        ("us", "v/a/1/video/00001.m4s", True),
        ("us", "v/a/1/video/00039.m4s", True),
    ]
    assert all("it is not there" in (one.trouble or "") for one in told if not one.repaired)
    assert (totals.flaws, totals.repaired) == (4, 2)
    assert await stores.found(deep=True) == [
        ("eu", Flaw.MISSING, LOST),
        ("us", Flaw.MISSING, LOST),
    ]


async def test_a_manifest_of_no_use_is_replaced(alike: Stores) -> None:
    await replace(alike.us, MANIFEST, b"{}")

    assert await alike.found() == [("us", Flaw.BAD_MANIFEST, MANIFEST)]
    assert await alike.repaired()


async def test_manifests_that_differ_are_told_and_kept(alike: Stores) -> None:
    other = encode(manifest_of("a", "1", OBJECTS | {"main.m3u8": b"another"}))
    await replace(alike.us, MANIFEST, other)
    told, totals = await alike.check(repair=True)

    assert [one.finding.flaw for one in told] == [Flaw.OTHER_MANIFEST]
    assert (totals.flaws, totals.repaired) == (1, 0)
    assert (await content(alike.us))[MANIFEST] == other


async def test_what_no_manifest_names_is_told_and_no_flaw(alike: Stores) -> None:
    await put_bytes(alike.us, "v/a/1/lost.mp4", b"lost", content_type="video/mp4")
    told, totals = await alike.check(repair=True)

    assert [(one.finding.flaw, one.repaired) for one in told] == [(Flaw.EXTRA, False)]
    assert totals.flaws == 0


async def test_the_objects_of_a_first_version_are_looked_at_where_they_lie(alike: Stores) -> None:
    first = encode(manifest_of("a", "0", OBJECTS, home="1"))
    for store in (alike.eu, alike.us):
        await put_bytes(store, "v/a/0/manifest.json", first, content_type="application/json")
    assert await alike.found(deep=True) == []

    await alike.us.delete(SEGMENT)
    assert await alike.found() == [("us", Flaw.MISSING, SEGMENT)] * 2
    assert await alike.repaired()


async def test_an_unfinished_package_is_no_flaw(alike: Stores) -> None:
    await put_bytes(alike.eu, "v/b/1/video/00001.m4s", b"bytes", content_type="video/mp4")

    assert await alike.found() == []


async def test_what_is_left_of_a_removed_version_is_removed(alike: Stores) -> None:
    await mark_removed(alike.eu, "a", "1")
    await alike.eu.delete_prefix("v/a/1/")

    assert await alike.found() == [("us", Flaw.REMOVED, "v/a/1/")]
    assert await alike.repaired()
    assert await content(alike.us, "v/a/1/") == {}
    assert [*await content(alike.us, REMOVED)] == ["removed/a/1"]


async def test_the_marks_of_a_check_that_was_killed_go(alike: Stores) -> None:
    name = VersionName("a", "1")
    for copier in ("check", "us"):
        await put_bytes(alike.us, name.copying(copier), b"", content_type="text/plain")
    await alike.check(repair=True)

    assert [*await content(alike.us, COPYING)] == [name.copying("us")]


async def test_a_store_that_is_away_cannot_be_checked(tmp_path: Path) -> None:
    async with (
        opened("folder", tmp_path / "eu", None) as eu,
        opened("folder", tmp_path / "us", None) as us,
    ):
        stores = Stores(eu, us)
        await publish(eu, "1")
        (tmp_path / "us").rename(tmp_path / "gone")
        with pytest.raises(Unavailable):
            await stores.check()
