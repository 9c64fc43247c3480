"""An object being written into a folder: its bytes gather in a temporary file, then get a name.

What can be done before the last byte is, so that little is left to wait for after it: the folder is
made with the first bytes, and the bytes are synced to the disk as they come.
"""

import contextlib
import hashlib
import os
import threading
from pathlib import Path
from typing import Final

from origin.store.folder_files import (
    Record,
    TemporaryFile,
    opened_folder,
    record_of,
    remove_empty,
    temporary,
    write_record,
)
from origin.store.port import DigestMismatch

_ATTEMPTS: Final = 16
_SYNCED_AT_ONCE: Final = 2 * 1024 * 1024
"""Bytes."""


class Draft:
    """Blocking; its methods may run in any thread, and wait for each other.

    So whoever is cancelled while one of them runs may still discard the draft at once: the file is
    not closed under the hands of the thread that writes to it.
    """

    def __init__(self, root: Path, segments: tuple[str, ...]) -> None:
        self._root = root
        self._folders = segments[:-1]
        self._name = segments[-1]
        self._lock = threading.Lock()
        self._held = contextlib.ExitStack()
        self._file: TemporaryFile | None = None
        self._folder = -1
        self._digest = hashlib.sha256()
        self._unsynced = 0
        self._discarded = False
        self._published = False

    def write(self, data: bytes | bytearray) -> None:
        """Appends ``data``."""
        with self._lock:
            file = self._opened()
            if self._unsynced >= _SYNCED_AT_ONCE:
                os.fdatasync(file.descriptor)
                self._unsynced = 0
            self._write(file, data)
            self._unsynced += len(data)

    def publish(
        self, last: bytes | bytearray, content_type: str, sha256: str | None
    ) -> tuple[os.stat_result | None, str]:
        """Appends ``last`` and gives the file its name; all of it is durable on return.

        Returns:
            The file's status, None when the name is taken, and the digest of its bytes.

        Raises:
            DigestMismatch: it is not ``sha256``.
            NotADirectoryError: part of the path is a file.
        """
        with self._lock:
            file = self._opened()
            self._write(file, last)
            actual = self._digest.hexdigest()
            if sha256 not in {None, actual}:
                key = "/".join((*self._folders, self._name))
                raise DigestMismatch(key=key, actual=actual, expected=sha256)
            os.fsync(file.descriptor)
            status = os.fstat(file.descriptor)
            try:
                self._name_it(file, record_of(status, actual, content_type))
            except FileExistsError:
                return None, actual
            finally:
                self._discard()
            return status, actual

    def discard(self) -> None:
        """Removes the temporary file, and the folder if it is empty; a published object stays."""
        with self._lock:
            self._discard()

    def _discard(self) -> None:
        if self._discarded:
            return
        self._discarded = True
        self._held.close()

    def _tidy(self) -> None:
        if not self._published:
            remove_empty(self._root, self._folders)

    def _opened(self) -> TemporaryFile:
        if self._discarded:
            raise ValueError("the draft was discarded")
        if self._file is None:
            self._file = self._held.enter_context(temporary(self._root))
            self._held.callback(self._tidy)
            self._folder = self._reached()
        return self._file

    def _reached(self) -> int:
        """The folder, which is made if need be, by each of its names durable."""
        for _ in range(_ATTEMPTS):
            # One on the way that a removal found empty may vanish before the next is in it.
            with contextlib.suppress(FileNotFoundError):
                return self._held.enter_context(
                    opened_folder(self._root, self._folders, create=True)
                )
        raise FileNotFoundError(self._name)

    def _write(self, file: TemporaryFile, data: bytes | bytearray) -> None:
        self._digest.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file.descriptor, rest) :]

    def _name_it(self, file: TemporaryFile, record: Record) -> None:
        for _ in range(_ATTEMPTS):
            try:
                self._link(file, self._folder, record)
            except FileNotFoundError:
                # A removal found the folder empty: what is open here has no name any more.
                self._folder = self._reached()
            else:
                self._published = True
                return
        raise FileNotFoundError(self._name)

    def _link(self, file: TemporaryFile, folder: int, record: Record) -> None:
        if _is_there(folder, self._name):
            raise FileExistsError(self._name)
        # The record first, so that an object is never seen without its media type. Should
        # another writer link in between, this record does not fit its file and heals.
        write_record(self._root, folder, self._name, record)
        os.link(file.name, self._name, src_dir_fd=file.folder, dst_dir_fd=folder)
        os.fsync(folder)


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
