"""Copying packages between stores of every kind, with a real S3 server."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.clock import SystemClock
from common.errors import Unavailable
from common.messages import encode
from origin.replicas.copying import (
    Copier,
    ManifestsDiffer,
    ObjectWrong,
    PackageUnknown,
    VersionRemoved,
)
from origin.replicas.layout import COPYING, ManifestWrong, VersionName
from origin.replicas.regions import Region
from origin.store import ObjectStore, mark_removed, put_bytes
from tests.stores import (
    OBJECTS,
    Interposed,
    away,
    content,
    manifest_of,
    opened,
    publish,
    read,
    replace,
)

NAME = VersionName("a", "1")
SEGMENT = "v/a/1/video/00001.m4s"


class Pair:
    """A store that is copied from, and one that is copied into."""

    def __init__(self, source: ObjectStore, target: ObjectStore) -> None:
        self.source = Interposed(source)
        self.target = Interposed(target)
        self.copier = Copier(
            Region("us", self.target),
            [Region("eu", self.source)],
            SystemClock(),
            name="us",
            objects_at_once=3,
        )


@pytest.fixture(params=["folder-folder", "folder-s3", "s3-folder", "s3-s3"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    def server() -> Any:
        return request.getfixturevalue("s3_server")

    one, other = request.param.split("-")
    async with (
        opened(one, tmp_path / "source", server) as source,
        opened(other, tmp_path / "target", server) as target,
    ):
        yield Pair(source, target)


async def test_a_package_is_copied_whole_and_the_manifest_last(pair: Pair) -> None:
    await publish(pair.source, "1")
    copied = await pair.copier.copy(NAME)

    assert await content(pair.target) == await content(pair.source)
    assert copied.objects == len(OBJECTS)
    assert not copied.mended
    written = [key for method, key in pair.target.calls if method == "put"]
    assert written[0] == "copying/a/1/us"
    assert written[-1] == "v/a/1/manifest.json"
    assert await content(pair.target, COPYING) == {}


async def test_the_media_types_are_copied(pair: Pair) -> None:
    await publish(pair.source, "1")
    await pair.copier.copy(NAME)

    assert (await pair.target.head(SEGMENT)).content_type == "video/mp4"
    assert (await pair.target.head(NAME.manifest)).content_type == "application/json"


async def test_copying_goes_on_where_it_was_interrupted(pair: Pair) -> None:
    await publish(pair.source, "1")
    for path in ("main.m3u8", "video/00001.m4s"):
        body = await read(pair.source.store, f"v/a/1/{path}")
        await put_bytes(pair.target, f"v/a/1/{path}", body, content_type="video/mp4")
    copied = await pair.copier.copy(NAME)

    assert copied.objects == 2
    assert SEGMENT not in [key for method, key in pair.source.calls if method == "read"]
    assert await content(pair.target) == await content(pair.source)


async def test_copying_twice_changes_nothing(pair: Pair) -> None:
    await publish(pair.source, "1")
    await pair.copier.copy(NAME)
    copied = await pair.copier.copy(NAME)

    assert (copied.objects, copied.mended) == (0, True)


async def test_the_objects_of_a_first_version_lie_under_the_later_ones_prefix(pair: Pair) -> None:
    first = manifest_of("a", "0", OBJECTS, home="1")
    await publish(pair.source, "1")
    await put_bytes(pair.source, "v/a/0/manifest.json", encode(first), content_type="text/json")
    await pair.copier.copy(VersionName("a", "0"))

    whole = await content(pair.source)
    del whole[NAME.manifest]
    assert await content(pair.target) == whole


async def test_wrong_bytes_are_never_copied(pair: Pair) -> None:
    await publish(pair.source, "1")
    await replace(pair.source, SEGMENT, b"other segment" * 1000)

    with pytest.raises(ObjectWrong, match="its SHA-256 is"):
        await pair.copier.copy(NAME)
    held = await content(pair.target)
    assert SEGMENT not in held
    assert NAME.manifest not in held
    assert await content(pair.target, COPYING) == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", "it has 0 bytes, not 13000"), (bytes(20_000), "it has more than 13000 bytes")],
)
async def test_objects_of_another_size_are_never_copied(
    pair: Pair, body: bytes, reason: str
) -> None:
    await publish(pair.source, "1")
    await replace(pair.source, SEGMENT, body)

    with pytest.raises(ObjectWrong, match=reason):
        await pair.copier.copy(NAME)
    assert NAME.manifest not in await content(pair.target)


async def test_an_object_that_the_source_lacks_is_told(pair: Pair) -> None:
    await publish(pair.source, "1")
    await pair.source.delete(SEGMENT)

    with pytest.raises(ObjectWrong, match="it is not there"):
        await pair.copier.copy(NAME)


async def test_an_object_that_is_wrong_in_one_store_comes_from_another(
    pair: Pair, tmp_path: Path
) -> None:
    await publish(pair.source, "1")
    await replace(pair.source, SEGMENT, b"other segment" * 1000)
    async with opened("folder", tmp_path / "third", None) as third:
        await publish(third, "1")
        regions = [Region("eu", pair.source), Region("ap", third)]
        copier = Copier(Region("us", pair.target), regions, SystemClock(), name="us")
        await copier.copy(NAME)

        assert await content(pair.target) == await content(third)


async def test_what_the_target_has_wrong_is_replaced(pair: Pair) -> None:
    await publish(pair.source, "1")
    await pair.copier.copy(NAME)
    await replace(pair.target, SEGMENT, b"damaged")
    await pair.target.delete("v/a/1/main.m3u8")
    copied = await pair.copier.copy(NAME)

    assert (copied.objects, copied.mended) == (2, True)
    assert await content(pair.target) == await content(pair.source)


async def test_what_the_target_has_wrong_stays_while_nobody_has_better(pair: Pair) -> None:
    await publish(pair.source, "1")
    await pair.copier.copy(NAME)
    await replace(pair.target, SEGMENT, b"damaged")
    await replace(pair.source, SEGMENT, b"wrong as well")

    with pytest.raises(ObjectWrong):
        await pair.copier.copy(NAME)
    assert await read(pair.target, SEGMENT) == b"damaged"


async def test_a_manifest_that_is_another_one_replaces_none(pair: Pair) -> None:
    await publish(pair.source, "1")
    await pair.copier.copy(NAME)
    before = await content(pair.target)
    await pair.source.delete_prefix("v/a/1/")
    await publish(pair.source, "1", OBJECTS | {"main.m3u8": b"another"})

    with pytest.raises(ManifestsDiffer):
        await pair.copier.copy(NAME)
    assert await content(pair.target) == before


async def test_a_manifest_of_no_use_in_the_target_is_replaced(pair: Pair) -> None:
    await publish(pair.source, "1")
    await publish(pair.target, "1", manifest=b"{}")
    await pair.copier.copy(NAME)

    assert await content(pair.target) == await content(pair.source)


async def test_a_manifest_of_no_use_stays_while_nobody_has_another(pair: Pair) -> None:
    await publish(pair.target, "1", manifest=b"{}")

    with pytest.raises(ManifestWrong):
        await pair.copier.copy(NAME)
    assert await read(pair.target, NAME.manifest) == b"{}"


def _named(key: str) -> Callable[[], bytes]:
    def made() -> bytes:
        manifest = manifest_of("a", "1", OBJECTS)
        (first, *others) = manifest.objects
        objects = (msgspec.structs.replace(first, key=key), *others)
        return encode(msgspec.structs.replace(manifest, objects=objects))

    return made


HOSTILE: dict[str, Callable[[], bytes]] = {
    "no JSON": lambda: b"\xff{",
    "cut short": lambda: encode(manifest_of("a", "1", OBJECTS))[:-20],
    "nested": lambda: b"[" * 100_000,
    "another asset's": lambda: encode(manifest_of("b", "1", OBJECTS)),
    "another version's": lambda: encode(manifest_of("a", "2", OBJECTS)),
    "outside": _named("v/b/1/main.m3u8"),
    "uploads": _named("uploads/a/1"),
    "a mark": _named("removed/a/2"),
    "climbing": _named("v/a/1/../../b/1/x"),
    "a manifest": _named("v/a/2/manifest.json"),
    "itself": _named("v/a/1/manifest.json"),
    "twice": _named("v/a/1/video/init.mp4"),
    "no object": _named("v/a/1"),
    "empty": lambda: b"",
}


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_hostile_manifest_is_told_and_nothing_is_copied(pair: Pair, hostile: str) -> None:
    await publish(pair.source, "1", manifest=HOSTILE[hostile]())

    with pytest.raises(ManifestWrong):
        await pair.copier.copy(NAME)
    assert await content(pair.target, "") == {}


async def test_a_huge_manifest_is_read_up_to_a_bound(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.replicas.copying.LARGEST_MANIFEST", 100_000)
    await publish(pair.source, "1", manifest=b" " * 5_000_000)

    with pytest.raises(ManifestWrong, match="too large"):
        await pair.copier.copy(NAME)
    assert len([one for one in pair.source.calls if one[0] == "piece"]) <= 2


async def test_a_manifest_that_names_too_much_is_told(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.replicas.layout.MOST_OBJECTS", 3)
    await publish(pair.source, "1")

    with pytest.raises(ManifestWrong, match="names 4 objects"):
        await pair.copier.copy(NAME)


async def test_what_was_removed_is_not_copied(pair: Pair) -> None:
    await publish(pair.source, "1")
    for store in (pair.source, pair.target):
        await mark_removed(store, "a", "1")
        with pytest.raises(VersionRemoved):
            await pair.copier.copy(NAME)
        assert await content(pair.target) == {}
        await store.delete("removed/a/1")


async def test_what_nobody_has_is_told(pair: Pair) -> None:
    with pytest.raises(PackageUnknown):
        await pair.copier.copy(NAME)
    assert await content(pair.target, "") == {}


async def test_a_package_that_vanishes_meanwhile_is_not_finished(pair: Pair) -> None:
    await publish(pair.source, "1")

    async def vanish() -> None:
        await pair.source.store.delete(NAME.manifest)

    pair.target.before = lambda method, key: vanish() if (method, key) == ("put", SEGMENT) else None
    with pytest.raises(PackageUnknown):
        await pair.copier.copy(NAME)
    assert NAME.manifest not in await content(pair.target)


async def test_a_manifest_that_changes_meanwhile_is_not_copied(pair: Pair) -> None:
    await publish(pair.source, "1")
    other = encode(manifest_of("a", "1", OBJECTS | {"main.m3u8": b"another"}))

    async def change() -> None:
        await replace(pair.source.store, NAME.manifest, other)

    pair.target.before = lambda method, key: change() if (method, key) == ("put", SEGMENT) else None
    with pytest.raises(ManifestsDiffer):
        await pair.copier.copy(NAME)
    assert NAME.manifest not in await content(pair.target)


async def test_a_source_that_is_away_is_told_and_copying_goes_on_when_it_is_back(
    pair: Pair,
) -> None:
    await publish(pair.source, "1")
    pair.source.before = lambda method, key: (
        away(method, key) if (method, key) == ("piece", SEGMENT) else None
    )
    with pytest.raises(Unavailable):
        await pair.copier.copy(NAME)
    assert NAME.manifest not in await content(pair.target)

    pair.source.before = lambda method, key: None
    await pair.copier.copy(NAME)
    assert await content(pair.target) == await content(pair.source)


async def test_a_target_that_breaks_off_anywhere_has_the_whole_package_or_none(
    pair: Pair,
) -> None:
    await publish(pair.source, "1")
    whole = await content(pair.source)
    interrupted = 0
    while True:
        uses = iter(range(interrupted))

        def break_off(method: str, key: str) -> None:
            if next(uses, None) is None:  # noqa: B023 - of this round
                away(method, key)

        pair.target.before = break_off
        with contextlib.suppress(Unavailable):
            await pair.copier.copy(NAME)
            break
        held = await content(pair.target.store)
        assert all(whole[key] == body for key, body in held.items())
        assert NAME.manifest not in held or held == whole
        if held != whole:
            await pair.target.store.delete_prefix("v/a/1/")
        interrupted += 1

    assert interrupted > len(OBJECTS)
    assert await content(pair.target.store, "") == whole
