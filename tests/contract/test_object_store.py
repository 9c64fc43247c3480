"""What every object store does, on a folder and on a real S3 server."""

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from origin.store import (
    SLICE,
    DigestMismatch,
    KeyInvalid,
    ListedObject,
    ObjectExists,
    ObjectInfo,
    ObjectStore,
    ObjectUnknown,
    PrefixInvalid,
    S3Settings,
    StoreSettings,
    fetch_file,
    open_store,
    put_file,
)

KEY = "v/asset/1/video/0001.m4s"
MIB = 1024 * 1024


def sha256_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


async def pieces(*bodies: bytes) -> AsyncIterator[bytes]:
    for body in bodies:
        yield body


async def put(store: ObjectStore, key: str, body: bytes, sha256: str | None = None) -> ObjectInfo:
    return await store.put(key, pieces(body), content_type="video/mp4", sha256=sha256)


async def read(store: ObjectStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, length)])


async def listed(store: ObjectStore, prefix: str) -> list[ListedObject]:
    return [entry async for entry in store.list(prefix)]


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    if request.param == "folder":
        return StoreSettings(folder=tmp_path / "objects")
    return StoreSettings(s3=fresh_bucket(request.getfixturevalue("s3_server")))


def fresh_bucket(server: Any) -> S3Settings:
    settings = S3Settings(
        endpoint=server.endpoint,
        bucket=f"contract-{uuid.uuid4().hex[:16]}",
        region=server.region,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )
    client = boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        region_name=settings.region,
        config=Config(s3={"addressing_style": "path"}),
    )
    with contextlib.closing(client):
        client.create_bucket(Bucket=settings.bucket)
    return settings


@pytest.fixture
async def store(settings: StoreSettings) -> AsyncIterator[ObjectStore]:
    async with open_store(settings) as opened:
        yield opened


async def test_an_object_reads_back_as_it_was_written(store: ObjectStore) -> None:
    await store.put(KEY, pieces(b"one ", b"", b"two"), content_type="video/mp4")
    assert await read(store, KEY) == b"one two"


async def test_put_tells_what_head_tells(store: ObjectStore) -> None:
    assert await put(store, KEY, b"bytes") == await store.head(KEY)


async def test_head_tells_size_type_and_digest(store: ObjectStore) -> None:
    await put(store, KEY, b"bytes")
    info = await store.head(KEY)
    assert (info.key, info.size, info.content_type) == (KEY, 5, "video/mp4")
    assert info.sha256 == sha256_of(b"bytes")


async def test_the_entity_tag_is_the_digest(store: ObjectStore) -> None:
    info = await put(store, KEY, b"bytes")
    assert info.etag == f'"{sha256_of(b"bytes")}"'


async def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    await store.put(KEY, pieces(), content_type="video/mp4")
    assert (await store.head(KEY)).size == 0
    assert await read(store, KEY) == b""


async def test_media_types_with_parameters_are_kept(store: ObjectStore) -> None:
    kind = 'text/vtt; charset="utf-8"'
    await store.put(KEY, pieces(b"WEBVTT"), content_type=kind)
    assert (await store.head(KEY)).content_type == kind


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (0, 4, b"0123"),
        (3, 4, b"3456"),
        (8, 99, b"89"),
        (10, None, b""),
        (99, 5, b""),
        (4, 0, b""),
    ],
)
async def test_a_part_can_be_read(
    store: ObjectStore, start: int, length: int | None, expected: bytes
) -> None:
    await put(store, KEY, b"0123456789")
    assert await read(store, KEY, start, length) == expected


async def test_bytes_come_in_bounded_slices(store: ObjectStore) -> None:
    await put(store, KEY, os.urandom(2 * SLICE + 7))
    assert max([len(piece) async for piece in store.read(KEY)]) <= SLICE


async def test_a_reader_may_stop_midway(store: ObjectStore) -> None:
    body = os.urandom(4 * SLICE)
    await put(store, KEY, body)
    async with contextlib.aclosing(store.read(KEY)) as found:
        first = await anext(found)
    assert body.startswith(first)
    assert await read(store, KEY) == body


@pytest.mark.parametrize("length", [None, 0, 5])
async def test_reading_an_unknown_object_says_so(store: ObjectStore, length: int | None) -> None:
    with pytest.raises(ObjectUnknown):
        await read(store, KEY, 0, length)


async def test_the_head_of_an_unknown_object_says_so(store: ObjectStore) -> None:
    with pytest.raises(ObjectUnknown) as caught:
        await store.head(KEY)
    assert caught.value.status == 404


async def test_the_same_bytes_may_be_written_again(store: ObjectStore) -> None:
    first = await put(store, KEY, b"bytes")
    assert await put(store, KEY, b"bytes") == first


async def test_the_same_bytes_may_be_written_again_by_digest(store: ObjectStore) -> None:
    first = await put(store, KEY, b"bytes", sha256_of(b"bytes"))
    assert await put(store, KEY, b"bytes", sha256_of(b"bytes")) == first


@pytest.mark.parametrize("told", [False, True])
async def test_other_bytes_under_a_key_are_refused(store: ObjectStore, told: bool) -> None:
    await put(store, KEY, b"bytes")
    with pytest.raises(ObjectExists) as caught:
        await put(store, KEY, b"other", sha256_of(b"other") if told else None)
    assert caught.value.status == 409
    assert await read(store, KEY) == b"bytes"


async def test_what_many_writers_leave_is_what_a_winner_wrote(store: ObjectStore) -> None:
    bodies = [os.urandom(1000) for _ in range(6)]
    results = await asyncio.gather(
        *(put(store, KEY, body) for body in bodies), return_exceptions=True
    )
    winners = [result for result in results if isinstance(result, ObjectInfo)]
    losers = [result for result in results if not isinstance(result, ObjectInfo)]
    assert all(isinstance(result, ObjectExists) for result in losers)
    stored = await store.head(KEY)
    assert stored.sha256 in {winner.sha256 for winner in winners}
    assert sha256_of(await read(store, KEY)) == stored.sha256


async def test_many_writers_of_the_same_bytes_all_succeed(store: ObjectStore) -> None:
    results = await asyncio.gather(*(put(store, KEY, b"bytes") for _ in range(6)))
    assert {result.sha256 for result in results} == {sha256_of(b"bytes")}


async def test_a_wrong_digest_leaves_nothing(store: ObjectStore) -> None:
    with pytest.raises(DigestMismatch):
        await put(store, KEY, b"bytes", sha256_of(b"others"))
    with pytest.raises(ObjectUnknown):
        await store.head(KEY)


@pytest.mark.parametrize("size", [100, 20 * MIB])
async def test_an_interrupted_body_leaves_nothing(store: ObjectStore, size: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(size)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(KEY, broken(), content_type="video/mp4")
    with pytest.raises(ObjectUnknown):
        await store.head(KEY)
    assert await listed(store, "") == []


async def test_a_cancelled_writer_leaves_nothing(store: ObjectStore) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield bytes(10 * MIB)
        begun.set()
        await asyncio.Event().wait()

    writing = asyncio.ensure_future(store.put(KEY, endless(), content_type="video/mp4"))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await listed(store, "") == []


async def test_a_reader_never_sees_a_part_of_what_is_being_written(store: ObjectStore) -> None:
    async def watched() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(MIB)
            with pytest.raises(ObjectUnknown):
                await store.head(KEY)

    await store.put(KEY, watched(), content_type="video/mp4")
    assert (await store.head(KEY)).size == 3 * MIB


@pytest.mark.parametrize("told", [False, True])
async def test_a_large_object_reads_back_as_it_was_written(store: ObjectStore, told: bool) -> None:
    body = os.urandom(20 * MIB + 5)
    await put(store, KEY, body, sha256_of(body) if told else None)
    assert await read(store, KEY) == body
    assert await read(store, KEY, 8 * MIB - 3, 6) == body[8 * MIB - 3 : 8 * MIB + 3]


async def test_large_objects_are_written_once_too(store: ObjectStore) -> None:
    body = os.urandom(9 * MIB)
    first = await put(store, KEY, body)
    again = await put(store, KEY, body)
    assert dataclasses.replace(again, last_modified=0) == dataclasses.replace(
        first, last_modified=0
    )
    with pytest.raises(ObjectExists):
        await put(store, KEY, body[:-1] + b"?")


@pytest.mark.parametrize("size", [100, 9 * MIB])
async def test_a_writer_that_was_overtaken_changes_nothing(store: ObjectStore, size: int) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield os.urandom(size)
        await put(store, KEY, b"bytes")
        yield b"end"

    with pytest.raises(ObjectExists):
        await store.put(KEY, slow(), content_type="video/mp4")
    assert await read(store, KEY) == b"bytes"


async def test_a_wrong_digest_of_a_large_object_leaves_nothing(store: ObjectStore) -> None:
    with pytest.raises(DigestMismatch):
        await put(store, KEY, bytes(9 * MIB), sha256_of(b""))
    with pytest.raises(ObjectUnknown):
        await store.head(KEY)


async def test_a_deleted_object_is_gone(store: ObjectStore) -> None:
    await put(store, KEY, b"bytes")
    await store.delete(KEY)
    with pytest.raises(ObjectUnknown):
        await store.head(KEY)


async def test_deleting_twice_is_deleting_once(store: ObjectStore) -> None:
    await put(store, KEY, b"bytes")
    await store.delete(KEY)
    await store.delete(KEY)


async def test_a_deleted_key_takes_other_bytes(store: ObjectStore) -> None:
    await put(store, KEY, b"bytes")
    await store.delete(KEY)
    await put(store, KEY, b"other")
    assert await read(store, KEY) == b"other"


async def test_a_listing_has_keys_and_sizes_in_the_order_of_keys(store: ObjectStore) -> None:
    keys = ["v/a/1/x", "v/a/1-2/x", "v/a/1.m3u8", "v/a/10/x", "v/b/1/x", "uploads/z"]
    for size, key in enumerate(keys):
        await put(store, key, bytes(size))
    found = await listed(store, "")
    assert found == [ListedObject(key, keys.index(key)) for key in sorted(keys)]


async def test_a_listing_keeps_to_its_prefix(store: ObjectStore) -> None:
    for key in ("v/a/1/x", "v/a/10/x", "v/a/1/y/z"):
        await put(store, key, b"")
    assert [entry.key for entry in await listed(store, "v/a/1/")] == ["v/a/1/x", "v/a/1/y/z"]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("v/a", ["v/a-1/0", "v/a/1/x", "v/a/1/y", "v/b/1"]),
        ("v/a/1/x", ["v/a/1/y", "v/b/1"]),
        ("v/a/", ["v/a/1/x", "v/a/1/y", "v/b/1"]),
        ("v/a/1/z", ["v/b/1"]),
        ("v/b/1", []),
        ("w", []),
        ("u", ["v/a-1/0", "v/a/1/x", "v/a/1/y", "v/b/1"]),
    ],
)
async def test_a_listing_can_begin_after_a_key(
    store: ObjectStore, after: str, expected: list[str]
) -> None:
    for key in ("v/a-1/0", "v/a/1/x", "v/a/1/y", "v/b/1"):
        await put(store, key, b"bytes")

    assert [each.key async for each in store.list("v/", after=after)] == expected


async def test_a_listing_of_nothing_is_empty(store: ObjectStore) -> None:
    assert await listed(store, "v/none/") == []


async def test_deleting_a_prefix_spares_its_neighbours(store: ObjectStore) -> None:
    for key in ("v/a/1/x", "v/a/10/x", "v/a/1/y/z"):
        await put(store, key, b"")
    assert await store.delete_prefix("v/a/1/") == 2
    assert [entry.key for entry in await listed(store, "")] == ["v/a/10/x"]


async def test_deleting_a_prefix_of_nothing_deletes_nothing(store: ObjectStore) -> None:
    assert await store.delete_prefix("v/none/") == 0


@pytest.mark.parametrize(
    "key",
    [
        *("", "/v/a", "v//a", "v/a/", "../x", "v/../x", "v/./x", "v/ä", "v/a b", "v/a%2Fb"),
        *("v\\a", "v/a\n", "v/\0", "v/~temporary", "v/" + "x" * 600, "v/" + "x" * 241),
    ],
)
async def test_what_is_no_key_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(KeyInvalid) as caught:
        await put(store, key, b"")
    assert caught.value.status == 400
    with pytest.raises(KeyInvalid):
        await store.head(key)
    with pytest.raises(KeyInvalid):
        await read(store, key)
    with pytest.raises(KeyInvalid):
        await store.delete(key)


@pytest.mark.parametrize("prefix", ["v", "/", "../", "v/../", "~temporary/"])
async def test_what_is_no_prefix_is_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(PrefixInvalid):
        await listed(store, prefix)
    with pytest.raises(PrefixInvalid):
        await store.delete_prefix(prefix)


async def test_everything_is_never_deleted_at_once(store: ObjectStore) -> None:
    with pytest.raises(PrefixInvalid):
        await store.delete_prefix("")


async def test_what_was_written_outlives_the_store(settings: StoreSettings) -> None:
    async with open_store(settings) as first:
        before = await put(first, KEY, b"bytes")
    async with open_store(settings) as second:
        assert await second.head(KEY) == before
        assert await read(second, KEY) == b"bytes"


async def test_files_go_in_and_come_out(store: ObjectStore, tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(os.urandom(2 * MIB + 1))
    await put_file(store, KEY, source, content_type="video/mp4")
    await fetch_file(store, [KEY], copy)
    assert copy.read_bytes() == source.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy"]


async def test_a_file_may_be_fetched_twice_at_once(store: ObjectStore, tmp_path: Path) -> None:
    body = os.urandom(2 * MIB)
    await put(store, KEY, body)
    copy = tmp_path / "copy"
    await asyncio.gather(*(fetch_file(store, [KEY], copy) for _ in range(4)))
    assert copy.read_bytes() == body


async def test_objects_are_joined_in_the_order_given(store: ObjectStore, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        await put(store, f"parts/{name}", name.encode())
    await fetch_file(store, ["parts/c", "parts/a", "parts/b"], tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"cab"


async def test_fetching_an_unknown_object_makes_no_file(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectUnknown):
        await fetch_file(store, [KEY], tmp_path / "copy")
    assert list(tmp_path.glob("copy*")) == []
