"""What is stored, in real files: there after a restart, and never wrong whatever disks do."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import tomli_w

from common.messages import DesiredChange, DesiredPackage
from common.settings import ByteSize
from edge.policy.stored import Stored
from edge.store import SLICE, Cache, DesiredRow, ObjectDamaged
from edge.store.files import CHECKSUM, slices
from tests.integration.edge_service import (
    admin_port,
    edge,
    until,
)
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Viewer,
    proxy_settings,
    raw_origin,
    response,
)
from tests.servers.processes import free_ports, wait_until_open

MIB = 1024 * 1024
SIZE = 3 * SLICE + 1000
BODY = bytes(range(251)) * (SIZE // 251 + 1)
BODY = BODY[:SIZE]
SLICES = 4


def stored_of(number: int, size: int) -> Stored:
    return Stored(
        number=number,
        status=200,
        reason="OK",
        fields=(("ETag", f'"{number}"'),),
        selecting=(),
        size=size,
        held=(),
        received_at=1000.0,
        age=0.0,
        lifetime=60.0,
        stale_while_revalidate=0.0,
        stale_if_error=None,
        validate_always=False,
        never_stale=False,
        tags=(),
        sequence=0,
    )


@asynccontextmanager
async def opened(folder: Path, *, disk: int = 100 * MIB, memory: int = 0) -> AsyncIterator[Cache]:
    cache = await Cache.open(folder, folder / "runtime", disk_budget=disk, memory_budget=memory)
    try:
        yield cache
    finally:
        await cache.close()


async def put(
    cache: Cache, key: str, data: bytes, *, start: int = 0, size: int | None = None
) -> Stored | None:
    number, body = await cache.new_body()
    if data:
        await asyncio.to_thread(body.write, start, data)
    whole = start + len(data) if size is None else size
    kept = await cache.commit(key, stored_of(number, whole), body, (start, start + len(data)))
    body.close()
    return kept


async def read(cache: Cache, key: str, start: int = 0, stop: int | None = None) -> bytes:
    (stored,) = cache.lookup(key)
    end = stored.size if stop is None else stop
    return b"".join([piece async for piece in cache.read(stored, start, end)])


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "objects").rglob("*") if path.is_file())


SIZES = [0, 1, SLICE - 1, SLICE, SLICE + 1, SIZE]


@pytest.mark.parametrize("memory", [0, 64 * MIB])
@pytest.mark.parametrize("size", SIZES)
async def test_what_was_stored_is_there_after_a_restart(
    tmp_path: Path, size: int, memory: int
) -> None:
    data = os.urandom(size)
    async with opened(tmp_path, memory=memory) as cache:
        kept = await put(cache, "k", data)
    async with opened(tmp_path, memory=memory) as cache:
        assert cache.lookup("k") == (kept,)
        assert await read(cache, "k") == data


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (SLICE - 1, SLICE + 1), (SLICE, 2 * SLICE), (17, SIZE - 17), (SIZE - 1, SIZE)],
)
async def test_any_range_of_what_was_stored_is_read(tmp_path: Path, start: int, stop: int) -> None:
    async with opened(tmp_path) as cache:
        await put(cache, "k", BODY)

        assert await read(cache, "k", start, stop) == BODY[start:stop]


async def test_a_part_that_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    part = BODY[SLICE - 5 : 2 * SLICE + 7]
    async with opened(tmp_path) as cache:
        await put(cache, "k", part, start=SLICE - 5, size=SIZE)
    async with opened(tmp_path) as cache:
        assert await read(cache, "k", SLICE - 5, 2 * SLICE + 7) == part


async def test_numbers_of_objects_are_never_used_again(tmp_path: Path) -> None:
    seen = set()
    for _ in range(3):
        async with opened(tmp_path) as cache:
            for _ in range(3):
                number, body = await cache.new_body()
                body.close()
                await asyncio.to_thread(body.discard)
                seen.add(number)

    assert len(seen) == 9


@pytest.mark.parametrize("number", range(SLICES))
@pytest.mark.parametrize("where", [0, 500, -1])
async def test_a_flipped_bit_is_noticed_in_every_slice(
    tmp_path: Path, number: int, where: int
) -> None:
    async with opened(tmp_path) as cache:
        await put(cache, "k", BODY)
        first, last = number * SLICE, min((number + 1) * SLICE, SIZE)
        flip(files(tmp_path)[0], first + where if where >= 0 else last + where)

        with pytest.raises(ObjectDamaged):
            await read(cache, "k")


@pytest.mark.parametrize("number", range(SLICES))
async def test_a_flipped_bit_in_a_checksum_is_noticed(tmp_path: Path, number: int) -> None:
    async with opened(tmp_path) as cache:
        await put(cache, "k", BODY)
        flip(files(tmp_path)[0], SIZE + number * CHECKSUM)

        with pytest.raises(ObjectDamaged):
            await read(cache, "k")


async def test_a_damaged_slice_harms_no_range_that_does_not_touch_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await put(cache, "k", BODY)
        flip(files(tmp_path)[0], SLICE)

        assert await read(cache, "k", 2 * SLICE, SIZE) == BODY[2 * SLICE :]


def flip(path: Path, at: int) -> None:
    """Turns a bit of ``path`` over."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def tear(path: Path, number: int) -> None:
    """Leaves zeros where a slice was, as a disk that lost a write does."""
    with path.open("r+b") as file:
        file.seek(number * SLICE)
        file.write(bytes(min(SLICE, SIZE - number * SLICE)))


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


DAMAGES = {
    **{f"flipped-{number}": (flip, number * SLICE + 7) for number in range(SLICES)},
    **{f"torn-{number}": (tear, number) for number in range(SLICES)},
    "flipped-checksum": (flip, SIZE + CHECKSUM),
    "empty": (cut, 0),
    "cut-in-the-middle": (cut, SLICE + 1),
    "cut-before-the-checksums": (cut, SIZE),
    "cut-in-the-checksums": (cut, SIZE + len(slices(0, SIZE)) * CHECKSUM - 1),
    "missing": (lambda path, _: path.unlink(), 0),
    "a-folder": (lambda path, _: (path.unlink(), path.mkdir()), 0),
}


@asynccontextmanager
async def serving(folder: Path, origin: RawOrigin) -> AsyncIterator[tuple[Viewer, str]]:
    """An edge that has to read the disk, and the address of its metrics."""
    settings = proxy_settings(folder, origin.url, memory=ByteSize(0))
    async with edge(settings):
        metrics = f"http://127.0.0.1:{admin_port(settings)}/metrics"
        yield Viewer(settings.listen.port), metrics


@pytest.fixture
async def origin() -> AsyncIterator[RawOrigin]:
    async with raw_origin() as scripted:
        scripted.answers(response(BODY, ("Cache-Control", "max-age=3600"), ("ETag", '"x"')))
        yield scripted


async def cached(viewer: Viewer) -> None:
    """Waits until what ``viewer`` asks for is stored."""
    while not (await viewer.get("/x")).cache.startswith("hit"):
        pass


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_never_reaches_a_viewer_and_is_fetched_again(
    tmp_path: Path, origin: RawOrigin, damage: str
) -> None:
    harm, argument = DAMAGES[damage]
    async with serving(tmp_path, origin) as (viewer, metrics):
        await cached(viewer)
        harm(files(tmp_path)[0], argument)

        first = await viewer.get("/x")
        assert BODY.startswith(first.body)
        assert first.whole is (first.body == BODY)
        assert (await viewer.get("/x")).body == BODY
        assert (await viewer.get("/x")).cache.startswith("hit")
        assert await told(metrics, "nearcast_edge_corrupted_objects") == 1
    assert len(origin.asked) == 2


@pytest.mark.parametrize("damage", ["flipped-0", "torn-0", "empty", "missing"])
async def test_damage_where_an_answer_begins_is_not_seen_at_all(
    tmp_path: Path, origin: RawOrigin, damage: str
) -> None:
    harm, argument = DAMAGES[damage]
    async with serving(tmp_path, origin) as (viewer, _):
        await cached(viewer)
        harm(files(tmp_path)[0], argument)

        assert (await viewer.get("/x")).body == BODY


async def told(address: str, name: str) -> float:
    """The value of a metric."""
    async with aiohttp.ClientSession() as session, session.get(address) as got:
        lines = (await got.text()).splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith(name)))


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"garbage" * 10_000, id="text"),
        pytest.param(bytes(100_000), id="zeros"),
        pytest.param(b"x", id="one-byte"),
    ],
)
async def test_an_edge_whose_index_is_garbage_begins_with_an_empty_cache(
    tmp_path: Path, origin: RawOrigin, garbage: bytes
) -> None:
    async with serving(tmp_path, origin) as (viewer, _):
        await cached(viewer)
    (tmp_path / "index" / "data.mdb").write_bytes(garbage)

    async with serving(tmp_path, origin) as (viewer, _):
        assert (await viewer.get("/x")).body == BODY
        assert (await viewer.get("/x")).cache.startswith("hit")
        await until(lambda: len(files(tmp_path)) == 1)


async def test_files_that_no_record_names_are_gone_after_a_start(
    tmp_path: Path, origin: RawOrigin
) -> None:
    async with serving(tmp_path, origin) as (viewer, _):
        await cached(viewer)
    (held,) = files(tmp_path)
    orphans = [held.parent / f"{0x100 * number + int(held.parent.name, 16):x}" for number in (7, 8)]
    for orphan in (*orphans, tmp_path / "incoming" / "9"):
        orphan.write_bytes(b"left")

    async with serving(tmp_path, origin) as (viewer, _):
        await until(lambda: files(tmp_path) == [held])
        assert list((tmp_path / "incoming").iterdir()) == []
        assert (await viewer.get("/x")).cache.startswith("hit")


async def test_eviction_keeps_the_budget(tmp_path: Path) -> None:
    async with opened(tmp_path, disk=MIB) as cache:
        for number in range(100):
            await put(cache, f"k{number}", os.urandom(50_000))
            assert cache.used <= MIB

    assert sum(file.stat().st_size for file in files(tmp_path)) <= MIB + 100 * CHECKSUM
    assert len(files(tmp_path)) == MIB // 50_000


async def test_a_smaller_budget_holds_from_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        for number in range(20):
            await put(cache, f"k{number}", os.urandom(50_000))
    async with opened(tmp_path, disk=400_000) as cache:
        assert cache.used == 400_000

    assert len(files(tmp_path)) == 8


async def pin(cache: Cache, keys: Iterable[str]) -> None:
    """Has a package that consists of ``keys`` be held."""
    package = DesiredPackage("a", "1", "v/a/1/manifest.json", "ab" * 32, 1)
    await cache.desired.change(DesiredChange("eu-1", 0, 1, (package,)))
    await cache.desired.learn(DesiredRow(package), keys)


async def test_what_is_pinned_stays(tmp_path: Path) -> None:
    pinned = {f"pinned{number}": os.urandom(50_000) for number in range(5)}
    async with opened(tmp_path, disk=MIB) as cache:
        await pin(cache, pinned)
        for key, data in pinned.items():
            await put(cache, key, data)
        for number in range(100):
            await put(cache, f"k{number}", os.urandom(50_000))

        assert {key: await read(cache, key) for key in pinned} == pinned


async def test_what_is_pinned_stays_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path, disk=MIB) as cache:
        await pin(cache, ["pinned"])
        await put(cache, "pinned", BODY)
    async with opened(tmp_path, disk=MIB) as cache:
        for number in range(100):
            await put(cache, f"k{number}", os.urandom(50_000))

        assert await read(cache, "pinned") == BODY


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_on_a_full_disk_every_answer_is_whole(small_disk: Path, origin: RawOrigin) -> None:
    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = asked.target.encode() * 50_000
        writer.write(response(body, ("Cache-Control", "max-age=3600")))

    origin.answers(script)
    async with serving(small_disk, origin) as (viewer, _):
        for _ in range(2):
            for number in range(10, 20):
                got = await viewer.get(f"/{number}")
                assert (got.status, got.body) == (200, f"/{number}".encode() * 50_000)


async def test_a_second_edge_on_the_same_folder_is_refused_in_one_sentence(
    tmp_path: Path, origin: RawOrigin
) -> None:
    first, second = (_config(tmp_path, origin, name) for name in ("first", "second"))
    command = [sys.executable, "-m", "deploy", "edge", "--config"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        running = await asyncio.to_thread(
            subprocess.Popen, [*command, str(first[0])], stdout=output, stderr=output
        )
    try:
        await asyncio.to_thread(wait_until_open, first[1], running, log)
        refused = await asyncio.to_thread(
            subprocess.run, [*command, str(second[0])], capture_output=True, timeout=20, check=False
        )
    finally:
        running.terminate()
        await asyncio.to_thread(running.wait)

    assert refused.returncode != 0
    (line,) = refused.stderr.decode().splitlines()
    assert f"{tmp_path / 'cache'} is in use by another edge" in line


def _config(folder: Path, origin: RawOrigin, name: str) -> tuple[Path, int]:
    port, admin = free_ports(2)
    config = folder / f"{name}.toml"
    settings = {
        "cache_folder": str(folder / "cache"),
        "listen": {"port": port},
        "admin": {"port": admin},
        "origin": {"url": origin.url},
    }
    config.write_text(tomli_w.dumps(settings))
    return config, port
