"""What a control plane knows, in one file: so that it routes after a restart while its database is
away.

The file is a line that names its form, parts and their hash. A part is one kind of record, at most
a thousand of them, as MessagePack (msgpack.org), deflated. It is read whole or not at all.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Final, get_type_hints

import msgspec

from common.errors import NearcastError
from common.messages import PackageAnnouncement
from common.service.files import write_atomically
from control_plane.catalog import EdgeRecord, Package, Pin, Tombstone
from control_plane.documents import Document
from control_plane.planning import PlanRow
from control_plane.standing import Standing

FORM: Final = b"nearcast snapshot 1\n"
"""Another number for another form: what cannot be read is not believed."""
RECORDS_AT_ONCE: Final = 1000
PART_AT_MOST: Final = 64 * 1024 * 1024
"""Bytes of a part once inflated: more than a thousand records of the greatest size."""
FILE_AT_MOST: Final = 4 * 1024 * 1024 * 1024
"""Bytes: ten million assets and more."""

_HEAD: Final = struct.Struct(">BI")
"""The number of the kind, and how many bytes follow."""
_LEAST: Final = 1
"""How hard to deflate: more takes three times as long, for a tenth less."""
_END: Final = 255
"""In place of a kind: the hash follows."""


class SnapshotUnusable(NearcastError):
    """The snapshot {file} cannot be used: {reason}."""

    status = 503


@dataclass(frozen=True)
class Snapshot:
    """What was known when it was taken."""

    packages: tuple[Package, ...] = ()
    pins: tuple[Pin, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    edges: tuple[EdgeRecord, ...] = ()
    standings: tuple[Standing, ...] = ()
    placements: tuple[PlanRow, ...] = ()
    documents: tuple[Document, ...] = ()

    def save(self, path: Path) -> None:
        """Replaces the file ``path``; to be called in a thread.

        Raises:
            SnapshotUnusable: it cannot be written; the one before stays.
        """
        try:
            write_atomically(path, _hashed(self._parts()))
        except OSError as error:
            raise SnapshotUnusable(file=path, reason=str(error)) from error

    @classmethod
    def load(cls, path: Path) -> "Snapshot":
        """The snapshot in the file ``path``; to be called in a thread.

        Raises:
            SnapshotUnusable: there is none, or none that this release wrote whole.
        """
        try:
            with path.open("rb") as file:
                return cls(*_read(file))
        except (OSError, zlib.error, msgspec.MsgspecError, UnicodeDecodeError, _Broken) as error:
            raise SnapshotUnusable(file=path, reason=str(error)) from error

    def _parts(self) -> Iterator[bytes]:
        yield FORM
        for number, kind in enumerate(fields(self)):
            all_of_kind = getattr(self, kind.name)
            for start in range(0, len(all_of_kind), RECORDS_AT_ONCE):
                some = all_of_kind[start : start + RECORDS_AT_ONCE]
                body = zlib.compress(msgspec.msgpack.encode(some), _LEAST)
                yield _HEAD.pack(number, len(body)) + body


def _unchecked(kind: type[msgspec.Struct], **others: Any) -> Any:
    """``kind`` without the patterns of its texts: they were looked at when a record came in, and
    looking again takes most of the time of reading it. ``others`` are members of other kinds."""
    plain = {**get_type_hints(kind), **others}
    members: list[Any] = []
    for member in msgspec.structs.fields(kind):
        told = [member.name, plain[member.name]]
        members.append(tuple(told) if member.required else (*told, member.default))
    return msgspec.defstruct(f"Unchecked{kind.__name__}", members)


class _Broken(Exception):
    """The file is not what was written."""


def _hashed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """``parts``, and the part that ends them."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        yield part
    yield _HEAD.pack(_END, digest.digest_size) + digest.digest()


def _read(file: BinaryIO) -> list[tuple[Any, ...]]:
    """The records of each kind in ``file``."""
    digest = hashlib.sha256()
    form = file.read(len(FORM))
    if form != FORM:
        raise _Broken("it is none, or another release's")
    if os.fstat(file.fileno()).st_size > FILE_AT_MOST:
        raise _Broken(f"it is longer than {FILE_AT_MOST} bytes")
    digest.update(form)
    found: list[list[Any]] = [[] for _ in _READERS]
    while True:
        head = _exactly(file, _HEAD.size)
        number, length = _HEAD.unpack(head)
        if number == _END:
            told = _exactly(file, digest.digest_size)
            if length != digest.digest_size or told != digest.digest() or file.read(1):
                raise _Broken("it was changed or damaged")
            return [tuple(records) for records in found]
        if number >= len(_READERS) or length > PART_AT_MOST:
            raise _Broken("it has a part that is none")
        body = _exactly(file, length)
        digest.update(head)
        digest.update(body)
        found[number] += _READERS[number](_inflated(body))


def _exactly(file: BinaryIO, count: int) -> bytes:
    read = file.read(count)
    if len(read) < count:
        raise _Broken("it ends too soon")
    return read


def _inflated(body: bytes) -> bytes:
    inflating = zlib.decompressobj()
    raw = inflating.decompress(body, PART_AT_MOST)
    if not inflating.eof:
        raise _Broken("it has a part that is too long")
    return raw


_UncheckedPackage: Any = _unchecked(Package, announcement=_unchecked(PackageAnnouncement))
_packages: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(list[_UncheckedPackage])


def _packages_of(body: bytes) -> Iterator[Package]:
    for package in _packages.decode(body):
        told = PackageAnnouncement(*msgspec.structs.astuple(package.announcement))
        yield Package(told, package.published_at)


_READERS: Final[tuple[Callable[[bytes], Iterable[Any]], ...]] = (
    _packages_of,
    msgspec.msgpack.Decoder(list[Pin]).decode,
    msgspec.msgpack.Decoder(list[Tombstone]).decode,
    msgspec.msgpack.Decoder(list[EdgeRecord]).decode,
    msgspec.msgpack.Decoder(list[Standing]).decode,
    msgspec.msgpack.Decoder(list[PlanRow]).decode,
    msgspec.msgpack.Decoder(list[Document]).decode,
)
"""In the order of the snapshot's fields."""
