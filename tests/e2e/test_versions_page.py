"""The front page in a real browser, where operators roll back to versions and remove them."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, expect

from common.messages import ManifestObject, PackageAnnouncement, PackageManifest, decode, encode
from common.messages.packages import manifest_key, version_prefix
from origin.store import ObjectStore, StoreSettings, open_store
from tests.e2e.browser import front_page, make_video
from tests.e2e.system import REGION_CLIENTS, System, running, until

WITHIN = 60_000
"""Milliseconds."""
LATER = "99999999999999999999999999"
"""A version that sorts after all that ingest makes."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own, as these tests remove."""
    folder = tmp_path_factory.mktemp("versions-page")
    video = make_video(folder / "video.mp4")
    with running(folder / "home", "--video", str(video)) as started:
        yield started


@pytest.fixture
async def page(system: System, tmp_path: Path) -> AsyncIterator[Page]:
    async with front_page(system, tmp_path / "profile") as page:
        yield page


async def publish_again(system: System) -> str:
    """Publishes a copy of the video's version as a newer one; the older one's name."""
    asset = system.ready["asset"]
    (listed,) = await system.listed("assets")
    old = str(listed["version"])
    async with open_store(StoreSettings(folder=system.home / "data" / "objects")) as store:
        body = b"".join([piece async for piece in store.read(manifest_key(asset, old))])
        manifest = decode(body, PackageManifest)
        objects = [await copied(store, item, asset, old) for item in manifest.objects]
        moved = msgspec.structs.replace(
            manifest,
            version=LATER,
            entry=renamed(manifest.entry, asset, old),
            poster=renamed(manifest.poster, asset, old) if manifest.poster else None,
            objects=tuple(objects),
        )
        written = encode(moved)
        key = manifest_key(asset, LATER)
        await store.put(key, whole(written), content_type="application/json")
    told = PackageAnnouncement(
        asset_id=asset,
        version=LATER,
        title=listed["title"],
        entry=moved.entry,
        poster=moved.poster,
        manifest_key=key,
        manifest_sha256=hashlib.sha256(written).hexdigest(),
        bytes=listed["bytes"],
        object_count=len(objects),
        duration=listed["duration"],
        renditions=tuple(listed["renditions"]),
    )
    url = f"{system.ready['control']}/v1/packages"
    async with system.operator() as session, session.post(url, data=encode(told)) as answer:
        assert answer.status == 201, await answer.text()
    return old


def renamed(key: str, asset: str, old: str) -> str:
    return version_prefix(asset, LATER) + key.removeprefix(version_prefix(asset, old))


async def copied(store: ObjectStore, item: ManifestObject, asset: str, old: str) -> ManifestObject:
    own = msgspec.structs.replace(item, key=renamed(item.key, asset, old))
    await store.put(own.key, store.read(item.key), content_type=own.content_type)
    return own


async def whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def version(system: System) -> str:
    """What viewers get."""
    return str((await system.route(REGION_CLIENTS["eu"]))["version"])


async def test_an_operator_rolls_back_and_removes_on_the_page(system: System, page: Page) -> None:
    old = await publish_again(system)

    async def placed() -> bool:
        (asset,) = await system.listed("assets")
        return bool(asset["version"] == LATER and asset["state"] == "placed")

    await until(placed, within=60)
    routes = [await system.route(client) for client in REGION_CLIENTS.values()]
    newer = [route["edges"][0]["url"] for route in routes]

    await page.get_by_role("button", name="Versions").click()
    rows = page.locator("#versions tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0).locator(".state")).to_have_text("current")
    await rows.nth(1).get_by_role("button", name="Show this").click()
    await page.get_by_role("button", name="Show it").click()
    await expect(rows.nth(1).locator(".state")).to_have_text("current")
    assert await version(system) == old

    await rows.nth(0).get_by_role("button", name="Remove").click()
    await page.get_by_role("button", name="Remove it").click()
    await expect(rows.nth(0).locator(".state")).to_have_text("removed")
    await page.get_by_role("button", name="Close").click()
    removal = page.locator("section", has_text="Removals").locator("tbody tr")
    await expect(removal.locator(".state")).to_have_text("done", timeout=WITHIN)
    await expect(removal.locator(".copies.whole")).to_have_count(5)
    async with system.client() as session:
        for url in newer:
            async with session.get(url) as answer:
                assert answer.status in {404, 410}
    objects = system.home / "data" / "objects" / "v" / system.ready["asset"]
    assert [folder.name for folder in objects.iterdir()] == [old]

    await page.get_by_role("button", name="Versions").click()
    await page.get_by_role("button", name="Remove the video").click()
    await page.get_by_role("button", name="Remove all of it").click()
    await expect(page.locator("#versions")).to_be_hidden()
    await expect(page.get_by_text("Nothing is published yet")).to_be_visible()
    await expect(removal.locator(".state.done")).to_have_count(2, timeout=WITHIN)
    assert not objects.exists()
