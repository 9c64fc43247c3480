"""Folders for work in progress: each process has one of its own, and dead processes' are removed.

A process holds a lock on ``{name}.lock`` as long as it lives; whoever can take a lock knows that
its owner is gone.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from common import logs
from common.errors import SettingsInvalid, StorageFull

_log = logs.get(__name__)


class Scratch:
    """The folder of one process."""

    def __init__(self, folder: Path, lock: Path, descriptor: int) -> None:
        self.folder = folder
        self._lock = lock
        self._descriptor = descriptor

    @classmethod
    async def open(cls, root: Path, name: str) -> "Scratch":
        """An empty folder ``name`` under ``root``, which is made and cleared of dead ones.

        Raises:
            SettingsInvalid: the folder cannot be made.
            StorageFull: there is no room for it.
        """
        try:
            return await asyncio.to_thread(cls._open, root, name)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull(where=f"the work folder {root}") from error
            raise SettingsInvalid(
                file="settings",
                key="work_folder",
                expected=f"expected a folder to write to ({error})",
            ) from error

    @classmethod
    def _open(cls, root: Path, name: str) -> "Scratch":
        root.mkdir(parents=True, exist_ok=True)
        for lock in root.glob("*.lock"):
            descriptor = _locked(lock)
            if descriptor is not None:
                _log.info("removing what a dead process left", folder=lock.stem)
                _remove(lock.with_suffix(""), lock, descriptor)
        lock = root / f"{name}.lock"
        descriptor = _locked(lock)
        if descriptor is None:
            raise FileExistsError(f"{lock} is held by another process")
        folder = root / name
        folder.mkdir()
        return cls(folder, lock, descriptor)

    @contextlib.asynccontextmanager
    async def subfolder(self, name: str) -> AsyncIterator[Path]:
        """An empty folder that is gone after the block.

        Raises:
            StorageFull: there is no room for it.
        """
        path = self.folder / name
        await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        try:
            await asyncio.to_thread(path.mkdir, parents=True)
        except OSError as error:
            raise StorageFull(where="the work folder") from error
        try:
            yield path
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))

    async def close(self) -> None:
        """Removes the folder."""
        await asyncio.to_thread(_remove, self.folder, self._lock, self._descriptor)


def _locked(lock: Path) -> int | None:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    # Another sweep may have removed the file between its opening and its locking.
    if not os.fstat(descriptor).st_nlink:
        os.close(descriptor)
        return _locked(lock)
    return descriptor


def _remove(folder: Path, lock: Path, descriptor: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.unlink(missing_ok=True)
    os.close(descriptor)
