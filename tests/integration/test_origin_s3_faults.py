"""The S3 adapter when the way to a real S3 server breaks: a proxy between them does the harm."""

import asyncio
import contextlib
import dataclasses
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import boto3
import msgspec
import pytest
from botocore.config import Config

from common.errors import Unavailable
from common.service import new_client_session
from origin.store import (
    ObjectInfo,
    ObjectStore,
    ObjectUnknown,
    ReadInterrupted,
    S3Settings,
    StoreSettings,
    open_store,
    s3_read,
    s3_wire,
)
from origin.store.s3 import S3Store

KEY = "v/a/1/seg.m4s"
MIB = 1024 * 1024


class S3Server(Protocol):
    """A running S3 server."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str


@dataclasses.dataclass
class Proxy:
    """Passes bytes on to the server, until it is told to do harm."""

    target: tuple[str, int]
    answers: list[bytes] = dataclasses.field(default_factory=list)
    """What the next connections are answered with, instead of being passed on."""
    cut_after: int | None = None
    """After how many bytes from the server a connection is cut, once."""
    closed: bool = False
    """Whether connections are cut as soon as they are made."""
    port: int = 0
    _open: set[asyncio.StreamWriter] = dataclasses.field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self.closed:
                return
            if self.answers:
                asked = await reader.readuntil(b"\r\n\r\n")
                head, end, body = self.answers.pop(0).partition(b"\r\n\r\n")
                writer.write(head + end if asked.startswith(b"HEAD") else head + end + body)
                await writer.drain()
                return
            there = await asyncio.open_connection(*self.target)
            self._open.add(there[1])
            await asyncio.gather(self._up(reader, there[1]), self._down(there[0], writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort() if self.closed else writer.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            if self.cut_after is not None:
                self.cut_after -= len(piece)
                if self.cut_after <= 0:
                    self.cut_after = None
                    self.drop()
                    return
            writer.write(piece)
            await writer.drain()
        writer.close()

    def drop(self) -> None:
        """Cuts every connection there is."""
        for writer in self._open:
            writer.transport.abort()


def answer(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()


SLOW_DOWN = answer("503 Slow Down", "<Error><Code>SlowDown</Code><Message>no</Message></Error>")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_wire, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(s3_read, "FIRST_PAUSE", 0.001)


@pytest.fixture
def client(s3_server: S3Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name=s3_server.region,
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture
def direct(s3_server: S3Server, client: Any) -> Iterator[S3Settings]:
    """A fresh bucket, reached without the proxy."""
    bucket = f"faults-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=bucket)
    yield S3Settings(
        endpoint=s3_server.endpoint,
        bucket=bucket,
        region=s3_server.region,
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
    )
    client.close()


@pytest.fixture
async def proxy(s3_server: S3Server) -> AsyncIterator[Proxy]:
    host, port = s3_server.endpoint.removeprefix("http://").split(":")
    proxy = Proxy((host, int(port)))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1")
    async with server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        proxy.drop()


@pytest.fixture
async def store(direct: S3Settings, proxy: Proxy) -> AsyncIterator[ObjectStore]:
    """The store as it is reached through the proxy."""
    endpoint = f"http://127.0.0.1:{proxy.port}"
    settings = StoreSettings(s3=msgspec.structs.replace(direct, endpoint=endpoint))
    async with open_store(settings) as opened:
        yield opened


async def put(store: ObjectStore, body: bytes) -> ObjectInfo:
    async def pieces() -> AsyncIterator[bytes]:
        yield body

    return await store.put(KEY, pieces(), content_type="video/mp4")


async def read(store: ObjectStore) -> bytes:
    return b"".join([piece async for piece in store.read(KEY)])


def uploads_under_way(client: Any, settings: S3Settings) -> int:
    found = client.list_multipart_uploads(Bucket=settings.bucket)
    return len(found.get("Uploads", ()))


async def test_reading_goes_on_where_the_connection_broke(store: ObjectStore, proxy: Proxy) -> None:
    body = os.urandom(5 * MIB)
    await put(store, body)
    proxy.cut_after = 2 * MIB
    assert await read(store) == body
    assert proxy.cut_after is None


async def test_reading_gives_up_when_the_server_stays_away(
    store: ObjectStore, proxy: Proxy
) -> None:
    await put(store, os.urandom(20 * MIB))
    async with contextlib.aclosing(store.read(KEY)) as pieces:
        await anext(pieces)
        proxy.closed = True
        proxy.drop()
        with pytest.raises((ReadInterrupted, Unavailable)):
            async for _ in pieces:
                pass


async def test_reading_never_goes_on_with_another_object(
    store: ObjectStore, proxy: Proxy, direct: S3Settings
) -> None:
    await put(store, os.urandom(20 * MIB))
    async with contextlib.aclosing(store.read(KEY)) as pieces:
        await anext(pieces)
        async with open_store(StoreSettings(s3=direct)) as other:
            await other.delete(KEY)
            await put(other, os.urandom(5 * MIB))
        proxy.drop()
        with pytest.raises(ReadInterrupted):
            async for _ in pieces:
                pass


async def test_a_server_that_asks_to_slow_down_is_asked_again(
    store: ObjectStore, proxy: Proxy
) -> None:
    proxy.drop()
    proxy.answers = [SLOW_DOWN, SLOW_DOWN]
    await put(store, b"bytes")
    assert not proxy.answers
    assert await read(store) == b"bytes"


async def test_a_server_that_keeps_refusing_is_unavailable(
    store: ObjectStore, proxy: Proxy
) -> None:
    proxy.drop()
    proxy.answers = [SLOW_DOWN] * 20
    with pytest.raises(Unavailable, match="SlowDown"):
        await anext(store.list(""))
    assert len(proxy.answers) == 15


async def test_an_error_that_is_no_xml_is_told_by_its_status(
    store: ObjectStore, proxy: Proxy
) -> None:
    proxy.drop()
    proxy.answers = [answer("403 Forbidden", "<html>go away")]
    with pytest.raises(Unavailable, match="403"):
        await store.head(KEY)


async def test_an_unreachable_server_is_unavailable(store: ObjectStore, proxy: Proxy) -> None:
    proxy.closed = True
    proxy.drop()
    with pytest.raises(Unavailable):
        await store.head(KEY)
    with pytest.raises(Unavailable):
        await put(store, b"bytes")


@pytest.mark.parametrize("size", [5, 9 * MIB])
async def test_a_write_whose_answer_was_lost_succeeds_when_tried_again(
    store: ObjectStore, proxy: Proxy, size: int
) -> None:
    body = os.urandom(size)

    async def pieces() -> AsyncIterator[bytes]:
        yield body
        # The answers before are small: the first cut hits whatever is answered next.
        proxy.cut_after = 1

    await store.put(KEY, pieces(), content_type="video/mp4")
    assert proxy.cut_after is None
    assert await read(store) == body


async def test_a_completion_whose_answer_was_lost_succeeds(
    store: ObjectStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = os.urandom(9 * MIB)
    complete = s3_wire.S3Wire.call

    async def call(self: s3_wire.S3Wire, request: s3_wire.Request) -> s3_wire.Reply:
        if request.operation == "CompleteMultipartUpload":
            proxy.cut_after = 1
        return await complete(self, request)

    monkeypatch.setattr(s3_wire.S3Wire, "call", call)
    await put(store, body)
    assert proxy.cut_after is None
    assert await read(store) == body


async def test_a_broken_upload_leaves_no_parts(
    store: ObjectStore, client: Any, direct: S3Settings
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(20 * MIB)
        assert await asyncio.to_thread(uploads_under_way, client, direct) == 1
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(KEY, pieces(), content_type="video/mp4")
    assert await asyncio.to_thread(uploads_under_way, client, direct) == 0


async def test_uploads_of_dead_writers_are_freed_after_two_days(
    client: Any, direct: S3Settings
) -> None:
    await asyncio.to_thread(client.create_multipart_upload, Bucket=direct.bucket, Key=KEY)
    model = await asyncio.to_thread(s3_wire.load_model)
    async with await new_client_session(None) as session:
        store = S3Store(s3_wire.S3Wire(session, direct, model))
        assert await store.free_abandoned(now=time.time() + 47 * 3600) == 0
        assert await store.free_abandoned(now=time.time() + 49 * 3600) == 1
    assert await asyncio.to_thread(uploads_under_way, client, direct) == 0


async def test_a_wrong_secret_is_unavailable_and_says_why(direct: S3Settings) -> None:
    settings = StoreSettings(s3=msgspec.structs.replace(direct, secret_key="wrong"))
    async with open_store(settings) as store:
        with pytest.raises(Unavailable, match="403"):
            await store.head(KEY)
        with pytest.raises(Unavailable, match="SignatureDoesNotMatch"):
            await anext(store.list(""))


async def test_a_missing_bucket_is_unavailable(direct: S3Settings) -> None:
    settings = StoreSettings(s3=msgspec.structs.replace(direct, bucket="there-is-none"))
    async with open_store(settings) as store:
        with pytest.raises(Unavailable, match="NoSuchBucket"):
            await put(store, b"bytes")


async def test_a_listing_goes_over_many_pages(
    direct: S3Settings, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"v/a/{number:02d}" for number in range(7)]
    for key in keys:
        await asyncio.to_thread(client.put_object, Bucket=direct.bucket, Key=key, Body=b"x")
    monkeypatch.setattr("origin.store.s3.PAGE", 3)
    async with open_store(StoreSettings(s3=direct)) as store:
        assert [entry.key async for entry in store.list("v/")] == keys


async def test_names_that_are_no_keys_are_not_listed(direct: S3Settings, client: Any) -> None:
    for key in ("v/a/x", "v/a/ä&<+ %41", "v/a//x", "v/a/y"):
        await asyncio.to_thread(client.put_object, Bucket=direct.bucket, Key=key, Body=b"x")
    async with open_store(StoreSettings(s3=direct)) as store:
        assert [entry.key async for entry in store.list("v/")] == ["v/a/x", "v/a/y"]


async def test_an_object_from_another_tool_is_known_by_the_entity_tag_of_s3(
    direct: S3Settings, client: Any
) -> None:
    put = await asyncio.to_thread(
        client.put_object, Bucket=direct.bucket, Key=KEY, Body=b"x", Metadata={"sha256": "nonsense"}
    )
    async with open_store(StoreSettings(s3=direct)) as store:
        info = await store.head(KEY)
    assert (info.etag, info.sha256) == (put["ETag"], None)


async def test_a_started_store_needs_no_server(direct: S3Settings) -> None:
    settings = StoreSettings(s3=msgspec.structs.replace(direct, endpoint="http://127.0.0.1:1"))
    async with open_store(settings) as store:
        with pytest.raises(Unavailable):
            await store.head(KEY)
        with pytest.raises(Unavailable):
            await anext(store.read(KEY))


async def test_nothing_is_there_after_a_refused_write(store: ObjectStore, proxy: Proxy) -> None:
    proxy.drop()
    proxy.answers = [answer("404 Not Found", ""), *[SLOW_DOWN] * 5]
    with pytest.raises(Unavailable):
        await put(store, b"bytes")
    with pytest.raises(ObjectUnknown):
        await store.head(KEY)
