"""What every database of uploads promises, on SQLite and on a real MongoDB."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from common.errors import NearcastError, Unavailable
from common.service import DatabaseSettings
from common.settings import ByteSize
from ingest.upload import record
from ingest.upload.quota import QuotaSettings, Usage
from ingest.upload.record import Piece, Upload, UploadState
from ingest.upload.store import UploadStore, open_upload_store
from tests.unit.ingest.upload.records import LIFETIME, NOW, an_upload

QUOTA = QuotaSettings(uploads_per_day=10, bytes_per_day=ByteSize(1000))


@pytest.fixture(params=["sqlite", "mongodb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "jobs.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"uploads_{uuid.uuid4().hex}")


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[UploadStore]:
    opened = await open_upload_store(database)
    yield opened
    await opened.close()


def longer(upload: Upload, key: str = "uploads/upload1/piece", size: int = 4) -> Upload:
    return record.extended(upload, (Piece(key, size),), sha256=None, now=NOW, lifetime=LIFETIME)


async def test_an_upload_is_read_as_it_was_written(store: UploadStore) -> None:
    upload = longer(an_upload(parts=("a", "b"), taken_by="c", title="'); DROP \u0000 $where é🎬"))
    await store.add(upload)
    assert await store.upload("upload1") == upload


async def test_what_was_written_is_there_after_opening_again(
    store: UploadStore, database: DatabaseSettings
) -> None:
    await store.add(an_upload())
    await store.charge("creator", 1, Usage(1, 5), QUOTA)
    await store.close()
    again = await open_upload_store(database)
    try:
        assert await again.upload("upload1") == an_upload()
        assert await again.usage("creator", 1) == Usage(1, 5)
    finally:
        await again.close()


async def test_what_is_not_there_is_none(store: UploadStore) -> None:
    assert await store.upload("nobody") is None
    assert not await store.swap(an_upload(), longer(an_upload()))
    assert not await store.remove(an_upload())
    assert await store.due(NOW, 10) == ()


async def test_adding_an_upload_again_leaves_it_as_it_is(store: UploadStore) -> None:
    await store.add(an_upload())
    await store.swap(an_upload(), longer(an_upload()))
    await store.add(an_upload())
    assert await store.upload("upload1") == longer(an_upload())


async def test_of_many_pieces_at_the_same_offset_one_counts(store: UploadStore) -> None:
    await store.add(an_upload())
    swaps = (store.swap(an_upload(), longer(an_upload(), f"piece{n}")) for n in range(20))
    won = await asyncio.gather(*swaps)
    assert won.count(True) == 1
    kept = await store.upload("upload1")
    assert kept is not None
    assert [piece.key for piece in kept.pieces] == [f"piece{won.index(True)}"]


async def test_a_removal_of_what_changed_does_nothing(store: UploadStore) -> None:
    await store.add(an_upload())
    await store.swap(an_upload(), longer(an_upload()))
    assert not await store.remove(an_upload())
    assert await store.remove(longer(an_upload()))
    assert await store.upload("upload1") is None


async def test_an_upload_in_ten_thousand_pieces_is_kept(store: UploadStore) -> None:
    pieces = tuple(Piece(record.piece_key("u" * 26, n, "0" * 8), 1) for n in range(10_000))
    upload = msgspec.structs.replace(an_upload(length=20_000), pieces=pieces, offset=10_000)
    await store.add(upload)
    assert await store.upload("upload1") == upload


async def test_uploads_are_due_when_their_time_has_come_the_longest_due_first(
    store: UploadStore,
) -> None:
    for name, due_at in (("a", NOW), ("b", NOW - 5.0), ("c", NOW + 0.5)):
        await store.add(an_upload(name, due_at=due_at))
    assert [upload.upload_id for upload in await store.due(NOW, 10)] == ["b", "a"]
    assert [upload.upload_id for upload in await store.due(NOW, 1)] == ["b"]
    ended = record.ending(an_upload("c", due_at=NOW + 0.5), now=NOW - 9)
    await store.swap(an_upload("c", due_at=NOW + 0.5), ended)
    assert [upload.state for upload in await store.due(NOW, 1)] == [UploadState.ENDING]


async def test_a_day_is_charged_up_to_the_quota(store: UploadStore) -> None:
    assert await store.usage("creator", 1) == Usage()
    assert await store.charge("creator", 1, Usage(1, 600), QUOTA)
    assert not await store.charge("creator", 1, Usage(1, 401), QUOTA)
    assert await store.charge("creator", 1, Usage(1, 400), QUOTA)
    assert not await store.charge("creator", 1, Usage(0, 1), QUOTA)
    assert await store.usage("creator", 1) == Usage(2, 1000)
    assert await store.charge("creator", 2, Usage(1, 1000), QUOTA)
    assert await store.charge("other", 1, Usage(1, 1000), QUOTA)


async def test_what_no_day_has_room_for_is_refused_at_once(store: UploadStore) -> None:
    assert not await store.charge("creator", 1, Usage(1, 1001), QUOTA)
    assert not await store.charge("creator", 1, Usage(11, 0), QUOTA)
    assert await store.usage("creator", 1) == Usage()


async def test_of_many_that_charge_at_once_none_oversteps(store: UploadStore) -> None:
    charges = (store.charge("creator", 1, Usage(1, 90), QUOTA) for _ in range(30))
    taken = await asyncio.gather(*charges)
    assert taken.count(True) == 10
    assert await store.usage("creator", 1) == Usage(10, 900)


async def test_a_refund_gives_back_at_most_what_was_used(store: UploadStore) -> None:
    await store.charge("creator", 1, Usage(2, 600), QUOTA)
    await store.refund("creator", 1, Usage(0, 100))
    assert await store.usage("creator", 1) == Usage(2, 500)
    await store.refund("creator", 1, Usage(5, 5000))
    assert await store.usage("creator", 1) == Usage(0, 0)
    await store.refund("nobody", 1, Usage(1, 1))
    assert await store.usage("nobody", 1) == Usage()


async def test_days_that_are_over_are_forgotten(store: UploadStore) -> None:
    for day in (1, 2, 3):
        await store.charge("creator", day, Usage(1, 1), QUOTA)
    await store.forget_usage(3)
    used = [await store.usage("creator", day) for day in (1, 2, 3)]
    assert used == [Usage(), Usage(), Usage(1, 1)]


async def test_a_cancelled_write_does_not_harm_the_next(store: UploadStore) -> None:
    for number in range(20):
        writing = asyncio.create_task(store.add(an_upload(f"upload{number}")))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    await store.add(an_upload("last"))
    assert await store.upload("last") == an_upload("last")


async def test_a_closed_store_is_unavailable(store: UploadStore) -> None:
    await store.close()
    with pytest.raises(NearcastError):
        await store.upload("upload1")


async def test_a_file_that_is_no_database_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobs-uploads.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(Unavailable, match="is not reachable: file is not a database"):
        await open_upload_store(DatabaseSettings(sqlite=tmp_path / "jobs.sqlite"))
