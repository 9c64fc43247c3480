"""Objects to and from files and memory: functions over the port, the same for every store."""

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from origin.store.port import DigestMismatch, ObjectInfo, ObjectStore, ReadInterrupted

_READ_AT_ONCE: Final = 1024 * 1024


async def put_file(
    store: ObjectStore, key: str, path: Path, *, content_type: str, sha256: str | None = None
) -> ObjectInfo:
    """Writes the file at ``path`` as an object; see ``ObjectStore.put``.

    Raises:
        OSError: the file cannot be read.
    """
    async with contextlib.aclosing(_chunks_of(path)) as chunks:
        return await store.put(key, chunks, content_type=content_type, sha256=sha256)


async def put_bytes(
    store: ObjectStore, key: str, body: bytes, *, content_type: str, sha256: str | None = None
) -> ObjectInfo:
    """Writes ``body`` as an object; see ``ObjectStore.put``."""

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    return await store.put(key, once(), content_type=content_type, sha256=sha256)


async def fetch_file(store: ObjectStore, keys: Sequence[str], path: Path) -> None:
    """Copies objects, one after another, into a file, which appears only when it is whole.

    Raises:
        ObjectUnknown: there is no such object.
        ReadInterrupted: the store broke off.
        DigestMismatch: the bytes are not those that were stored.
        OSError: the file cannot be written.
    """
    # A name of its own, so that two who fetch the same do not write into one file.
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
    try:
        file = await asyncio.to_thread(partial.open, "xb")
        try:
            for key in keys:
                await _append(store, key, file)
        finally:
            await asyncio.to_thread(file.close)
        await asyncio.to_thread(os.replace, partial, path)
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)


async def _append(store: ObjectStore, key: str, file: BinaryIO) -> None:
    info = await store.head(key)
    digest, size = hashlib.sha256(), 0
    async with contextlib.aclosing(store.read(key)) as pieces:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(digest.update, piece)
            size += len(piece)
    if size != info.size:
        raise ReadInterrupted(key=key, reason=f"{size} of {info.size} bytes came")
    if info.sha256 not in {None, digest.hexdigest()}:
        raise DigestMismatch(key=key, actual=digest.hexdigest(), expected=info.sha256)


async def _chunks_of(path: Path) -> AsyncGenerator[bytes, None]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, _READ_AT_ONCE):
            yield chunk
    finally:
        await asyncio.to_thread(file.close)
