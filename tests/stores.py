"""Packages in object stores, and stores that fail on demand, for tests."""

import contextlib
import hashlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from common.errors import Unavailable
from common.messages import ManifestObject, PackageManifest, encode
from common.messages.packages import manifest_key, version_prefix
from origin.store import (
    ListedObject,
    ObjectInfo,
    ObjectStore,
    ObjectUnknown,
    S3Settings,
    StoreSettings,
    open_store,
    put_bytes,
)
from tests.servers.s3 import S3Server, new_bucket

OBJECTS = {
    "main.m3u8": b"#EXTM3U",
    "video/init.mp4": b"init",
    "video/00001.m4s": b"first segment" * 1000,
    "video/00002.m4s": b"second segment" * 1000,
}


def sha256_of(body: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def bucket_settings(server: S3Server) -> StoreSettings:
    """A new bucket."""
    made = new_bucket(server, f"region-{uuid.uuid4().hex[:16]}")
    return StoreSettings(s3=msgspec.convert(made, S3Settings))


def manifest_of(
    asset: str, version: str, objects: dict[str, bytes], *, home: str | None = None
) -> PackageManifest:
    """The manifest of a version whose objects lie under the prefix of ``home``, or its own."""
    prefix = version_prefix(asset, home or version)
    return PackageManifest(
        asset,
        version,
        f"{prefix}main.m3u8",
        None,
        tuple(
            ManifestObject(prefix + path, len(body), sha256_of(body), "video/mp4")
            for path, body in objects.items()
        ),
    )


async def publish(
    store: ObjectStore,
    version: str,
    objects: dict[str, bytes] = OBJECTS,
    *,
    asset: str = "a",
    manifest: bytes | None = None,
) -> None:
    """Writes a package, its manifest last."""
    for path, body in objects.items():
        key = version_prefix(asset, version) + path
        await put_bytes(store, key, body, content_type="video/mp4")
    body = encode(manifest_of(asset, version, objects)) if manifest is None else manifest
    await put_bytes(store, manifest_key(asset, version), body, content_type="application/json")


async def content(store: ObjectStore, prefix: str = "v/") -> dict[str, bytes]:
    """All objects under ``prefix``, but for those that vanish meanwhile."""
    found: dict[str, bytes] = {}
    async for each in store.list(prefix):
        with contextlib.suppress(ObjectUnknown):
            found[each.key] = await read(store, each.key)
    return found


async def read(store: ObjectStore, key: str) -> bytes:
    """The bytes of an object."""
    async with contextlib.aclosing(store.read(key)) as pieces:
        return b"".join([piece async for piece in pieces])


async def replace(store: ObjectStore, key: str, body: bytes) -> None:
    """Puts other bytes under a key."""
    await store.delete(key)
    await put_bytes(store, key, body, content_type="video/mp4")


@contextlib.asynccontextmanager
async def opened(kind: str, folder: Path, s3_server: Any) -> AsyncIterator[ObjectStore]:
    """A new store of that kind: folder or s3."""
    settings = StoreSettings(folder=folder) if kind == "folder" else bucket_settings(s3_server())
    async with open_store(settings) as store:
        yield store


class Interposed:
    """A real store, with a function that is called before each use: it may raise, or wait."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.before: Callable[[str, str], Any] = lambda method, key: None
        self.calls: list[tuple[str, str]] = []

    async def _called(self, method: str, key: str) -> None:
        self.calls.append((method, key))
        waited = self.before(method, key)
        if waited is not None:
            await waited

    async def put(
        self,
        key: str,
        chunks: AsyncIterable[bytes],
        *,
        content_type: str,
        sha256: str | None = None,
    ) -> ObjectInfo:
        await self._called("put", key)
        return await self.store.put(key, chunks, content_type=content_type, sha256=sha256)

    async def head(self, key: str) -> ObjectInfo:
        await self._called("head", key)
        return await self.store.head(key)

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        await self._called("read", key)
        async with contextlib.aclosing(self.store.read(key, start, length)) as pieces:
            async for piece in pieces:
                yield piece
                await self._called("piece", key)

    async def list(self, prefix: str, *, after: str = "") -> AsyncGenerator[ListedObject, None]:
        await self._called("list", prefix)
        async with contextlib.aclosing(self.store.list(prefix, after=after)) as found:
            async for each in found:
                yield each

    async def delete(self, key: str) -> None:
        await self._called("delete", key)
        await self.store.delete(key)

    async def delete_prefix(self, prefix: str) -> int:
        await self._called("delete_prefix", prefix)
        return await self.store.delete_prefix(prefix)


def away(method: str, key: str) -> None:
    """What a store that is away does."""
    raise Unavailable(what="the store", reason="the test says so")
