"""The folder adapter's way with the file system: blocking, durable and blind to symbolic links.

Layout of the folder, in which every name with a tilde is the adapter's own, as no key has one:

- ``v/a/1/seg.m4s``: the object, a plain file under its key;
- ``v/a/1/.seg.m4s~``: the record of its digest and media type (see ``Record``);
- ``~temporary/…``: files being written, each locked (flock) by the process that writes it.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from common.messages.packages import Sha256

TEMPORARY: Final = "~temporary"
_LARGEST_RECORD: Final = 4096
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Record(msgspec.Struct, frozen=True):
    """What was learnt of a file's bytes; it holds while it is the same file, of the same age.

    The file is the truth: without a record, after a change by other hands, or when a writer that
    lost the race for the name left its own, the digest is computed anew. The media type holds
    whatever the bytes are.
    """

    inode: int
    size: int
    modified_ns: int
    sha256: Sha256
    content_type: str

    def fits(self, status: os.stat_result) -> bool:
        """Whether the file has not changed since."""
        told = (self.inode, self.size, self.modified_ns)
        return told == (status.st_ino, status.st_size, status.st_mtime_ns)


def record_name(name: str) -> str:
    """The file name of the record of the object with the file name ``name``."""
    return f".{name}~"


def record_of(status: os.stat_result, sha256: str, content_type: str) -> Record:
    """The record of a file that has ``status``."""
    return Record(status.st_ino, status.st_size, status.st_mtime_ns, sha256, content_type)


@contextlib.contextmanager
def opened_folder(root: Path, segments: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder at ``segments`` under ``root``, reached without symbolic links.

    Folders that are made on the way are durable.

    Raises:
        FileNotFoundError: it is not there, and was not to be made.
        NotADirectoryError: a file or a symbolic link is in the way.
    """
    descriptor = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
    try:
        for segment in segments:
            inner = _enter(descriptor, segment, create=create)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(folder: int, segment: str, *, create: bool) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(segment, dir_fd=folder)
        # Also when it was there: whoever made it may not have come to this line yet.
        os.fsync(folder)
    return os.open(segment, _DIRECTORY, dir_fd=folder)


def open_file(folder: int, name: str) -> int:
    """A descriptor for reading the regular file ``name``.

    Raises:
        FileNotFoundError: there is no regular file of that name.
    """
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileNotFoundError(errno.ENOENT, "a symbolic link", name) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
    return descriptor


def read_record(folder: int, name: str) -> Record | None:
    """The record of the object ``name``; None when there is none that can be read."""
    try:
        descriptor = open_file(folder, record_name(name))
    except OSError:
        return None
    try:
        return msgspec.json.decode(os.read(descriptor, _LARGEST_RECORD), type=Record)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    finally:
        os.close(descriptor)


def write_record(root: Path, folder: int, name: str, record: Record) -> None:
    """Writes the record of the object ``name``, whole or not at all."""
    with temporary(root) as file:
        os.write(file.descriptor, msgspec.json.encode(record))
        os.fsync(file.descriptor)
        os.replace(file.name, record_name(name), src_dir_fd=file.folder, dst_dir_fd=folder)


def require_store(root: Path) -> None:
    """Makes sure that the folder is the store, and not the place where its disk is not mounted.

    Raises:
        OSError: ENODEV, as the folder of temporary files, which every store has, is missing.
    """
    if not (root / TEMPORARY).is_dir():
        raise OSError(errno.ENODEV, "it is not there, or no store")


@dataclass(frozen=True, slots=True)
class TemporaryFile:
    """A file being written, in the folder of temporary files."""

    folder: int
    name: str
    descriptor: int


@contextlib.contextmanager
def temporary(root: Path) -> Iterator[TemporaryFile]:
    """A new file, empty and locked; its name is gone when the block ends."""
    require_store(root)
    with opened_folder(root, (TEMPORARY,)) as folder:
        name, descriptor = _create_locked(folder)
        try:
            yield TemporaryFile(folder, name, descriptor)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            os.close(descriptor)


def _create_locked(folder: int) -> tuple[str, int]:
    """A file that no sweep removes: one that a sweep met before it was locked is given up."""
    while True:
        name = secrets.token_hex(16)
        descriptor = os.open(name, _CREATE, 0o644, dir_fd=folder)
        if _lock(descriptor) and os.fstat(descriptor).st_nlink:
            return name, descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep_temporary(root: Path) -> int:
    """Removes the temporary files of processes that live no more.

    Returns:
        How many there were.
    """
    removed = 0
    with opened_folder(root, (TEMPORARY,), create=True) as folder:
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                descriptor = open_file(folder, name)
                try:
                    if _lock(descriptor):
                        os.unlink(name, dir_fd=folder)
                        removed += 1
                finally:
                    os.close(descriptor)
    return removed


def remove(root: Path, segments: tuple[str, ...]) -> bool:
    """Removes an object with its record, and the folders that this leaves empty; durable.

    Returns:
        Whether there was such an object.
    """
    *folders, name = segments
    existed = False
    try:
        with opened_folder(root, tuple(folders)) as folder:
            # First, so that a crash between leaves an object, which is listed; and once more, for
            # who has learnt it anew meanwhile.
            _unlink_record(folder, name)
            with contextlib.suppress(FileNotFoundError):
                os.close(open_file(folder, name))
                os.unlink(name, dir_fd=folder)
                existed = True
            _unlink_record(folder, name)
            os.fsync(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    remove_empty(root, tuple(folders))
    return existed


def _unlink_record(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record_name(name), dir_fd=folder)


def remove_empty(root: Path, folders: tuple[str, ...]) -> None:
    """Removes the folder at ``folders`` and those above it, as far as they are empty."""
    for depth in range(len(folders), 0, -1):
        try:
            with opened_folder(root, folders[: depth - 1]) as above:
                os.rmdir(folders[depth - 1], dir_fd=above)
        except OSError:
            # Not empty, or another process was faster: either way there is nothing left to do.
            return


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder of objects."""

    name: str
    size: int
    is_folder: bool


def entries(root: Path, segments: tuple[str, ...]) -> list[Entry]:
    """The objects and folders in one folder, in the byte order of the keys they lead to."""
    try:
        with opened_folder(root, segments) as folder, os.scandir(folder) as found:
            kept = [made for entry in found if (made := _entry(entry)) is not None]
    except (FileNotFoundError, NotADirectoryError):
        require_store(root)
        return []
    # A folder sorts as its keys do, with the slash that follows its name in them.
    return sorted(kept, key=lambda entry: entry.name + "/" * entry.is_folder)


def _entry(found: os.DirEntry[str]) -> Entry | None:
    if "~" in found.name:
        return None
    try:
        status = found.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return Entry(found.name, 0, is_folder=True)
    if not stat.S_ISREG(status.st_mode):
        return None
    return Entry(found.name, status.st_size, is_folder=False)
