"""The folder adapter beyond the contract: crashes, other hands, full disks, symbolic links."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import SettingsInvalid, Unavailable
from origin.store import KeyObstructed, ObjectExists, ObjectInfo, ObjectUnknown
from origin.store.folder import FolderStore
from origin.store.folder_files import TEMPORARY

KEY = "v/a/1/seg.m4s"


async def pieces(*bodies: bytes) -> AsyncIterator[bytes]:
    for body in bodies:
        yield body


async def put(store: FolderStore, key: str, body: bytes) -> ObjectInfo:
    return await store.put(key, pieces(body), content_type="video/x-told")


def sha256_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def temporary_files(folder: Path) -> list[str]:
    return os.listdir(folder / TEMPORARY)


@pytest.fixture
async def store(tmp_path: Path) -> FolderStore:
    return await FolderStore.open(tmp_path / "deep" / "objects")


@pytest.fixture
def folder(store: FolderStore, tmp_path: Path) -> Path:
    return tmp_path / "deep" / "objects"


async def test_an_object_is_a_plain_file_under_its_key(store: FolderStore, folder: Path) -> None:
    await put(store, KEY, b"bytes")
    assert (folder / KEY).read_bytes() == b"bytes"
    assert temporary_files(folder) == []


async def test_of_many_writers_of_one_key_just_one_wins(store: FolderStore) -> None:
    results = await asyncio.gather(
        *(put(store, KEY, os.urandom(100)) for _ in range(12)), return_exceptions=True
    )
    winners = [result for result in results if isinstance(result, ObjectInfo)]
    assert len(winners) == 1
    assert sum(isinstance(result, ObjectExists) for result in results) == 11
    assert await store.head(KEY) == winners[0]


async def test_bytes_changed_by_other_hands_get_another_entity_tag(
    store: FolderStore, folder: Path
) -> None:
    before = await put(store, KEY, b"bytes")
    (folder / KEY).write_bytes(b"other")
    os.utime(folder / KEY, (1, 1))
    after = await store.head(KEY)
    assert before.etag != after.etag == f'"{sha256_of(b"other")}"'
    assert after.content_type == "video/x-told"


async def test_a_file_replaced_by_one_of_the_same_size_and_time_is_noticed(
    store: FolderStore, folder: Path
) -> None:
    await put(store, KEY, b"bytes")
    status = (folder / KEY).stat()
    (folder / "new").write_bytes(b"other")
    os.utime(folder / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(folder / "new", folder / KEY)
    assert (await store.head(KEY)).sha256 == sha256_of(b"other")


@pytest.mark.parametrize("record", [None, b"", b"{", b"[]", b'{"size": 5}', b"\xff" * 9000])
async def test_a_lost_or_broken_record_is_made_anew(
    store: FolderStore, folder: Path, record: bytes | None
) -> None:
    before = await put(store, KEY, b"bytes")
    path = folder / "v/a/1/.seg.m4s~"
    if record is None:
        path.unlink()
    else:
        path.write_bytes(record)
    after = await store.head(KEY)
    assert after.etag == before.etag
    assert after.content_type == "video/iso.segment"
    assert path.read_bytes() != record


async def test_a_record_without_its_object_is_nothing(store: FolderStore, folder: Path) -> None:
    await put(store, KEY, b"bytes")
    (folder / KEY).unlink()
    with pytest.raises(ObjectUnknown):
        await store.head(KEY)
    assert [entry async for entry in store.list("")] == []
    await put(store, KEY, b"other")
    assert (await store.head(KEY)).sha256 == sha256_of(b"other")


async def test_deleting_leaves_no_record_and_no_empty_folder(
    store: FolderStore, folder: Path
) -> None:
    await put(store, KEY, b"bytes")
    await put(store, "v/b", b"bytes")
    await store.delete(KEY)
    assert sorted(os.listdir(folder / "v")) == [".b~", "b"]


async def test_writers_and_removers_of_one_folder_do_not_trip_each_other(
    store: FolderStore,
) -> None:
    async def write_and_remove(number: int) -> None:
        for _ in range(10):
            await put(store, f"v/a/{number}", b"bytes")
            await store.delete(f"v/a/{number}")

    await asyncio.gather(*map(write_and_remove, range(4)))
    assert [entry async for entry in store.list("")] == []


@pytest.mark.parametrize("key", ["v/a", "v/a/1/x/y"])
async def test_a_key_in_the_way_of_another_is_refused(store: FolderStore, key: str) -> None:
    await put(store, "v/a/1/x", b"bytes")
    with pytest.raises(KeyObstructed):
        await put(store, key, b"bytes")
    with pytest.raises(ObjectUnknown):
        await store.head(key)


@pytest.mark.parametrize("link", ["v", "v/a", "v/a/secret"])
async def test_symbolic_links_lead_nowhere(
    store: FolderStore, folder: Path, tmp_path: Path, link: str
) -> None:
    outside = tmp_path / "outside"
    for place in ("a/secret", "secret"):
        (outside / place).parent.mkdir(exist_ok=True, parents=True)
        (outside / place).write_bytes(b"secret")
    (folder / link).parent.mkdir(exist_ok=True, parents=True)
    target = {"v": outside, "v/a": outside / "a", "v/a/secret": outside / "secret"}[link]
    (folder / link).symlink_to(target)
    with pytest.raises(ObjectUnknown):
        await store.head("v/a/secret")
    with pytest.raises(ObjectUnknown):
        await anext(store.read("v/a/secret"))
    with pytest.raises(KeyObstructed):
        await put(store, "v/a/secret", b"secret")
    await store.delete("v/a/secret")
    assert [entry async for entry in store.list("")] == []
    assert (outside / "a/secret").read_bytes() == b"secret"
    assert (outside / "secret").read_bytes() == b"secret"


async def test_what_is_no_regular_file_is_no_object(store: FolderStore, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(ObjectUnknown):
        await store.head("pipe")
    with pytest.raises(ObjectUnknown):
        await anext(store.read("pipe"))


async def test_a_killed_writer_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    writer = start_writer(folder)
    assert len(temporary_files(folder)) == 1
    await FolderStore.open(folder)
    assert len(temporary_files(folder)) == 1, "a living writer keeps its file"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    store = await FolderStore.open(folder)
    assert temporary_files(folder) == []
    assert [entry async for entry in store.list("")] == []


def start_writer(folder: Path) -> subprocess.Popen[bytes]:
    """Another process that has written a part of an object, and waits."""
    script = f"""
        import asyncio, pathlib
        from origin.store.folder import FolderStore
        async def endless():
            yield bytes(2_000_000)
            print("written", flush=True)
            await asyncio.Event().wait()
        async def main():
            store = await FolderStore.open(pathlib.Path({str(folder)!r}))
            await store.put("v/a", endless(), content_type="video/mp4")
        asyncio.run(main())
    """
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=-1)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"written\n"
    writer.stdout.close()
    return writer


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsInvalid, match="folder to write to"):
        await FolderStore.open(tmp_path / "file" / "objects")


async def test_a_folder_that_is_gone_is_unavailable_rather_than_empty(
    store: FolderStore, folder: Path
) -> None:
    folder.rename(folder.with_name("away"))
    with pytest.raises(Unavailable):
        await store.head(KEY)
    with pytest.raises(Unavailable):
        await put(store, KEY, b"bytes")
    with pytest.raises(Unavailable):
        await anext(store.list(""))


async def test_cancelled_readers_leave_no_open_file(store: FolderStore, folder: Path) -> None:
    await put(store, KEY, bytes(3_000_000))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        reading = asyncio.ensure_future(anext(store.read(KEY)))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    async with asyncio.timeout(30):
        # The kernel tells nobody when a file is closed.
        while len(os.listdir("/proc/self/fd")) > before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
