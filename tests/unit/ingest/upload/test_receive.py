"""Receiving, with a real store in a folder and a real database in a file."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from common.clock import SystemClock
from common.errors import Unavailable
from common.settings import ByteSize
from ingest.jobs.model import Job
from ingest.upload.admission import Admission
from ingest.upload.errors import (
    QuotaExceeded,
    UploadCutOff,
    UploadEmpty,
    UploadStalled,
    UploadTooLarge,
)
from ingest.upload.finishing import Finisher
from ingest.upload.quota import QuotaSettings, Usage, day_of
from ingest.upload.receive import Receiver
from ingest.upload.request import UploadRequest
from ingest.upload.store.sqlite import SqliteUploadStore
from origin.store import ObjectStore, StoreSettings, open_store
from tests.unit.ingest.jobs.bench import Outage

LIMIT = 5_000_000
REQUEST = UploadRequest("A title", "a.mp4", None, "video/mp4", LIMIT)


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with open_store(StoreSettings(folder=tmp_path / "objects")) as opened:
        yield opened


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Outage]:
    opened = await Outage.open(tmp_path / "jobs.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteUploadStore]:
    opened = await SqliteUploadStore.open(tmp_path / "jobs.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
async def finisher(jobs: Outage, records: SqliteUploadStore) -> AsyncIterator[Finisher]:
    async def accepted(_: str) -> None:
        pass

    made = Finisher(records, jobs, SystemClock(), lifetime=60, accepted=accepted)
    yield made
    await made.close()


@pytest.fixture
def receiver(
    objects: ObjectStore, jobs: Outage, records: SqliteUploadStore, finisher: Finisher
) -> Receiver:
    quota = QuotaSettings(bytes_per_day=ByteSize(100_000_000))
    admission = Admission(records, SystemClock(), quota=quota, quotas={}, at_once=10)
    return Receiver(
        objects,
        jobs,
        finisher,
        admission,
        SystemClock(),
        stall_timeout=0.2,
        observe=lambda _: None,
    )


async def body(*pieces: bytes, error: Exception | None = None, ends: bool = True) -> StreamReader:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    reader = StreamReader(protocol, 2**30, loop=loop)
    for piece in pieces:
        reader.feed_data(piece)
    if error is not None:
        reader.set_exception(error)
    elif ends:
        reader.feed_eof()
    return reader


async def keys(objects: ObjectStore) -> list[str]:
    return [found.key async for found in objects.list("")]


async def receive(receiver: Receiver, reader: StreamReader, length: int | None = None) -> Job:
    return await receiver.receive(REQUEST, "creator", reader, length)


async def test_source_and_job_are_there_when_it_returns(
    receiver: Receiver, objects: ObjectStore, jobs: Outage
) -> None:
    content = bytes(range(256)) * 10_000
    job = await receive(receiver, await body(content[:1000], content[1000:]), len(content))
    assert await jobs.job(job.job_id) == job
    assert job.source.size == len(content)
    assert job.source.sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join([piece async for piece in objects.read(job.source.keys[0])]) == content


async def test_names_of_one_upload_differ(receiver: Receiver) -> None:
    job = await receive(receiver, await body(b"x"))
    assert len({job.job_id, job.asset_id, job.version}) == 3


@pytest.mark.parametrize(
    ("pieces", "error", "length", "mistake"),
    [
        ((), None, None, UploadEmpty),
        ((bytes(LIMIT), b"x"), None, None, UploadTooLarge),
        ((b"half",), None, 8, UploadCutOff),
        ((b"half",), aiohttp.ClientPayloadError("gone"), 8, UploadCutOff),
        ((bytes(2_000_000),), ConnectionResetError(), None, UploadCutOff),
        ((b"half",), RuntimeError("Connection closed."), None, UploadCutOff),
    ],
)
async def test_what_cannot_be_taken_leaves_nothing(
    receiver: Receiver,
    objects: ObjectStore,
    jobs: Outage,
    pieces: tuple[bytes, ...],
    error: Exception | None,
    length: int | None,
    mistake: type[Exception],
) -> None:
    with pytest.raises(mistake):
        await receive(receiver, await body(*pieces, error=error), length)
    assert await keys(objects) == []
    assert await jobs.recent_jobs(10) == ()


async def test_a_body_that_stalls_leaves_nothing(receiver: Receiver, objects: ObjectStore) -> None:
    with pytest.raises(UploadStalled, match=r"No byte came for 0\.2 s"):
        await receive(receiver, await body(b"half", ends=False))
    assert await keys(objects) == []


async def test_an_upload_that_is_cancelled_leaves_nothing(
    receiver: Receiver, objects: ObjectStore
) -> None:
    receiving = asyncio.create_task(receive(receiver, await body(bytes(2_000_000), ends=False)))
    await asyncio.sleep(0.1)
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    assert await keys(objects) == []


async def test_without_the_database_an_upload_fails_and_its_source_is_an_orphan_at_worst(
    receiver: Receiver, objects: ObjectStore, jobs: Outage
) -> None:
    jobs.link.away = True
    with pytest.raises(Unavailable):
        await receive(receiver, await body(b"whole"))
    jobs.link.away = False
    assert await jobs.recent_jobs(10) == ()


async def used(records: SqliteUploadStore, finisher: Finisher) -> Usage:
    await finisher.close()
    return await records.usage("creator", day_of(SystemClock().now()))


@pytest.mark.parametrize("length", [None, 300_000])
async def test_a_credential_is_charged_for_what_came(
    receiver: Receiver, records: SqliteUploadStore, finisher: Finisher, length: int | None
) -> None:
    await receive(receiver, await body(bytes(100_000), bytes(200_000)), length)
    assert await used(records, finisher) == Usage(1, 300_000)


async def test_what_did_not_come_is_given_back(
    receiver: Receiver, records: SqliteUploadStore, finisher: Finisher
) -> None:
    with pytest.raises(UploadCutOff):
        await receive(receiver, await body(b"half"), 8)
    assert await used(records, finisher) == Usage(1, 0)


async def test_what_does_not_fit_into_the_day_is_refused_and_leaves_nothing(
    receiver: Receiver, objects: ObjectStore, records: SqliteUploadStore, finisher: Finisher
) -> None:
    today = day_of(SystemClock().now())
    await records.charge("creator", today, Usage(0, 99_000_000), QuotaSettings())
    with pytest.raises(QuotaExceeded, match="'creator' has reached its limit of 100000000 bytes"):
        await receive(receiver, await body(bytes(2_000_000)))
    assert await keys(objects) == []
