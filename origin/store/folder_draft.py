"""An object being written into a folder: its bytes gather in a temporary file, then get a name."""

import contextlib
import hashlib
import os
import threading
from pathlib import Path

from origin.store.folder_files import (
    Record,
    TemporaryFile,
    opened_folder,
    record_of,
    temporary,
    write_record,
)

_ATTEMPTS = 16


class Draft:
    """Blocking; its methods may run in any thread, and wait for each other.

    So whoever is cancelled while one of them runs may still discard the draft at once: the file is
    not closed under the hands of the thread that writes to it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._held = contextlib.ExitStack()
        self._file: TemporaryFile | None = None
        self._digest = hashlib.sha256()
        self._discarded = False

    def write(self, data: bytes) -> None:
        """Appends ``data``."""
        with self._lock:
            descriptor = self._opened().descriptor
            self._digest.update(data)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]

    def sha256(self) -> str:
        """The digest of what was written, in lower-case hexadecimal."""
        with self._lock:
            return self._digest.hexdigest()

    def publish(self, segments: tuple[str, ...], content_type: str) -> os.stat_result:
        """Gives the file the name that ``segments`` are; all of it is durable on return.

        Raises:
            FileExistsError: the name is taken.
            NotADirectoryError: part of the path is a file.
        """
        with self._lock:
            file = self._opened()
            os.fsync(file.descriptor)
            status = os.fstat(file.descriptor)
            record = record_of(status, self._digest.hexdigest(), content_type)
            for _ in range(_ATTEMPTS):
                # A folder that a removal found empty may vanish before the file gets into it.
                with contextlib.suppress(FileNotFoundError):
                    self._link(file, segments, record)
                    return status
            raise FileNotFoundError("/".join(segments))

    def discard(self) -> None:
        """Removes the temporary file; a published object stays."""
        with self._lock:
            self._discarded = True
            self._held.close()

    def _opened(self) -> TemporaryFile:
        if self._discarded:
            raise ValueError("the draft was discarded")
        if self._file is None:
            self._file = self._held.enter_context(temporary(self._root))
        return self._file

    def _link(self, file: TemporaryFile, segments: tuple[str, ...], record: Record) -> None:
        *folders, name = segments
        with opened_folder(self._root, tuple(folders), create=True) as folder:
            if _is_there(folder, name):
                raise FileExistsError(name)
            # The record first, so that an object is never seen without its media type. Should
            # another writer link in between, this record does not fit its file and heals.
            write_record(self._root, folder, name, record)
            os.link(file.name, name, src_dir_fd=file.folder, dst_dir_fd=folder)
            os.fsync(folder)


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
