"""The object store in a folder: plain files under their keys, readable by any tool."""

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from common import logs
from common.errors import NearcastError, SettingsInvalid, StorageFull, Unavailable
from origin.store.folder_draft import Draft
from origin.store.folder_files import (
    Entry,
    Record,
    entries,
    open_file,
    opened_folder,
    read_record,
    record_of,
    remove,
    require_store,
    sweep_temporary,
    write_record,
)
from origin.store.media_types import media_type_of
from origin.store.port import (
    SLICE,
    KeyObstructed,
    ListedObject,
    ObjectExists,
    ObjectInfo,
    ObjectUnknown,
    ReadInterrupted,
    check_key,
    check_prefix,
)

_WRITE_AT_ONCE: Final = 1024 * 1024

P = ParamSpec("P")
T = TypeVar("T")

_log = logs.get(__name__)


class FolderStore:
    """Keeps objects in a folder that any number of processes may share."""

    def __init__(self, folder: Path) -> None:
        """For a folder that exists; ``open`` makes it."""
        self._root = folder

    @classmethod
    async def open(cls, folder: Path) -> "FolderStore":
        """The store in ``folder``, which is made if need be and cleared of what dead writers left.

        Raises:
            SettingsInvalid: the folder cannot be made or written to.
        """
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            removed = await asyncio.to_thread(sweep_temporary, folder)
        except OSError as error:
            raise SettingsInvalid(
                file="store", key="folder", expected=f"a folder to write to, not {folder} ({error})"
            ) from error
        if removed:
            _log.info("removed what interrupted writers left", files=removed, folder=str(folder))
        return cls(folder)

    async def put(
        self,
        key: str,
        chunks: AsyncIterable[bytes],
        *,
        content_type: str,
        sha256: str | None = None,
    ) -> ObjectInfo:
        """See ``ObjectStore.put``."""
        segments = check_key(key)
        if sha256 is not None and (known := await self._find(key)) is not None:
            return await self._unchanged(known, sha256)
        draft = Draft(self._root, segments)
        try:
            # Few pieces, as each way to a thread costs; the last goes the way of the name.
            piece = bytearray()
            async for chunk in chunks:
                piece += chunk
                if len(piece) >= _WRITE_AT_ONCE:
                    await self._run(key, draft.write, piece)
                    piece = bytearray()
            status, actual = await self._run(key, draft.publish, piece, content_type, sha256)
        except BaseException:
            await asyncio.to_thread(draft.discard)
            raise
        if status is not None:
            return _info(key, status, actual, content_type)
        known = await self._find(key)
        if known is None:
            raise KeyObstructed(key=key)
        return await self._unchanged(known, actual)

    async def head(self, key: str) -> ObjectInfo:
        """See ``ObjectStore.head``."""
        segments = check_key(key)
        return await self._run(key, _describe, self._root, segments)

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See ``ObjectStore.read``."""
        descriptor = await self._open(key)
        try:
            position, left = start, length
            while left is None or left > 0:
                size = SLICE if left is None else min(SLICE, left)
                try:
                    piece = await asyncio.to_thread(os.pread, descriptor, size, position)
                except OSError as error:
                    raise ReadInterrupted(key=key, reason=error.strerror) from error
                if not piece:
                    return
                yield piece
                position += len(piece)
                left = None if left is None else left - len(piece)
        finally:
            os.close(descriptor)

    async def list(self, prefix: str, *, after: str = "") -> AsyncGenerator[ListedObject, None]:
        """See ``ObjectStore.list``."""
        segments = check_prefix(prefix, empty=True)
        levels = [(segments, await self._entries(segments))]
        while levels:
            place, rest = levels[-1]
            entry = next(rest, None)
            if entry is None:
                levels.pop()
                continue
            inner = (*place, entry.name)
            key = "/".join(inner) + "/" * entry.is_folder
            if key <= after and not (entry.is_folder and after.startswith(key)):
                continue
            if entry.is_folder:
                levels.append((inner, await self._entries(inner)))
            else:
                yield ListedObject(key, entry.size)

    async def delete(self, key: str) -> None:
        """See ``ObjectStore.delete``."""
        await self._run(key, remove, self._root, check_key(key))

    async def delete_prefix(self, prefix: str) -> int:
        """See ``ObjectStore.delete_prefix``."""
        check_prefix(prefix, empty=False)
        removed = 0
        async with contextlib.aclosing(self.list(prefix)) as found:
            async for listed in found:
                removed += await self._run(listed.key, remove, self._root, check_key(listed.key))
        return removed

    async def _open(self, key: str) -> int:
        opening = asyncio.ensure_future(self._run(key, _open, self._root, check_key(key)))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread goes on, and nobody else would ever close what it opens.
            opening.add_done_callback(_close_unwanted)
            raise

    async def _find(self, key: str) -> ObjectInfo | None:
        try:
            return await self.head(key)
        except ObjectUnknown:
            return None

    async def _unchanged(self, known: ObjectInfo, sha256: str) -> ObjectInfo:
        if known.sha256 != sha256:
            raise ObjectExists(key=known.key)
        # Its writer may not have come so far yet, or have died before.
        await self._run(known.key, _settle, self._root, check_key(known.key))
        return known

    async def _entries(self, segments: tuple[str, ...]) -> Iterator[Entry]:
        return iter(await self._run("/".join(segments), entries, self._root, segments))

    async def _run(
        self, key: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs blocking work in a thread, and translates what goes wrong in it."""
        try:
            return await asyncio.to_thread(function, *args, **kwargs)
        except FileExistsError:
            raise
        except OSError as error:
            raise self._translated(key, error) from error

    def _translated(self, key: str, error: OSError) -> NearcastError:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return StorageFull(where=f"the object folder {self._root}")
            case errno.ENOENT:
                return ObjectUnknown(key=key)
            case errno.ENOTDIR:
                return KeyObstructed(key=key)
            case _:
                return Unavailable(what=f"the object folder {self._root}", reason=error.strerror)


def _open(root: Path, segments: tuple[str, ...]) -> int:
    *folders, name = segments
    try:
        with opened_folder(root, tuple(folders)) as folder:
            return open_file(folder, name)
    except (FileNotFoundError, NotADirectoryError) as error:
        require_store(root)
        raise FileNotFoundError(errno.ENOENT, "no such object", name) from error


def _close_unwanted(opening: asyncio.Future[int]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result())


def _settle(root: Path, segments: tuple[str, ...]) -> None:
    with opened_folder(root, segments[:-1], create=True) as folder:
        os.fsync(folder)


def _describe(root: Path, segments: tuple[str, ...]) -> ObjectInfo:
    *folders, name = segments
    descriptor = _open(root, segments)
    try:
        status = os.fstat(descriptor)
        with opened_folder(root, tuple(folders)) as folder:
            record = read_record(folder, name)
            if record is None or not record.fits(status):
                if record is not None:
                    _log.warning("a file is not the one that was written", key="/".join(segments))
                content_type = record.content_type if record else media_type_of(name)
                record = _learn(descriptor, content_type)
                # Where it cannot be remembered, a folder mounted read-only say, it still holds.
                with contextlib.suppress(OSError):
                    write_record(root, folder, name, record)
        return _info("/".join(segments), status, record.sha256, record.content_type)
    finally:
        os.close(descriptor)


def _learn(descriptor: int, content_type: str) -> Record:
    """The record of an open file, from its bytes."""
    status = os.fstat(descriptor)
    digest, position = hashlib.sha256(), 0
    while piece := os.pread(descriptor, _WRITE_AT_ONCE, position):
        digest.update(piece)
        position += len(piece)
    return record_of(status, digest.hexdigest(), content_type)


def _info(key: str, status: os.stat_result, sha256: str, content_type: str) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=status.st_size,
        content_type=content_type,
        etag=f'"{sha256}"',
        last_modified=status.st_mtime,
        sha256=sha256,
    )
