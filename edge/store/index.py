"""The index: cache key to stored responses, in LMDB, shared by an edge's worker processes.

The bytes of small objects are in it too, as many as there is room for.

Commits are synced in the order that keeps the tree whole, whatever happens to the machine. Reads
look into mapped memory and are for the event loop; writes wait for the disk and are made by one
thread, all that wait in one transaction.
"""

import asyncio
import functools
import hashlib
import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import lmdb
import msgspec

from common.errors import StorageFull, Unavailable
from edge.policy.stored import Stored
from edge.store.batches import Batches
from edge.store.desired import DesiredRows
from edge.store.noted import NotedPurges
from edge.store.numbers import Numbers
from edge.store.records import Record, readable
from edge.store.small import SmallObjects

MAP_SIZE = 16 * 1024**3
"""Bytes of address space: above ten million responses. The file grows as it is needed."""
MOST_VARIANTS = 64
"""Stored responses under one key; the oldest leaves for one more."""

T = TypeVar("T")
Write = Callable[[lmdb.Transaction], T]


class Written(NamedTuple):
    """What came of storing a response."""

    displaced: list[int]
    """The numbers of the objects that it took the place of."""
    pinned: bool
    """Whether its key is pinned."""


_encode = msgspec.msgpack.Encoder().encode
_NUMBER = struct.Struct(">Q")
_OBJECT = struct.Struct(">16sQ")


@functools.lru_cache(4096)
def digest_of(key: str) -> bytes:
    """The 16 bytes that stand for ``key`` in the index."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


class Index:
    """Records by the digests of their keys, objects by number, and the purges that matter."""

    def __init__(
        self, folder: Path, changed: Callable[[bytes], None] = lambda _: None, *, room: int = 0
    ) -> None:
        """Opens the index in ``folder``; a damaged one is made anew, for a cache can be refilled.

        Args:
            folder: where it is.
            changed: is told the digest of each key whose record has changed, after the commit.
            room: bytes that objects may take in it.

        Raises:
            StorageFull: no space is left for it.
            Unavailable: it cannot be opened.
        """
        self._folder = folder
        self._room = room
        self._changed = changed
        self._touched: set[bytes] = set()
        try:
            self._open()
        except lmdb.DiskError as error:
            raise StorageFull(where=f"the cache folder {folder}") from error
        except lmdb.Error:
            self.renew()
        self._writes = Batches(self.write_now)

    def renew(self) -> None:
        """Begins anew with an empty index.

        Raises:
            Unavailable: it cannot be opened either.
        """
        for file in self._folder.glob("*.mdb"):
            file.unlink()
        try:
            self._open()
        except lmdb.Error as error:
            raise Unavailable(what=f"the index in {self._folder}", reason=str(error)) from error

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        environment = lmdb.open(
            str(self._folder),
            map_size=MAP_SIZE + self._room,
            metasync=False,
            max_readers=512,
            max_dbs=16,
        )
        try:
            self._lengthen(environment)
            names = (b"records", b"objects", b"small", b"purges", b"meta")
            databases = [environment.open_db(name) for name in names]
            # Objects are what a start needs: a tree that cannot be walked is of no use.
            with environment.begin(databases[1]) as transaction:
                for _ in transaction.cursor().iternext(values=False):
                    pass
        except lmdb.Error:
            environment.close()
            raise
        self._environment = environment
        self._records, self._objects, small, *others = databases
        purges, meta = others
        self.desired = DesiredRows(environment, meta, digest_of, self.write)
        self._small = SmallObjects(environment, small, self._room)
        self.numbers = Numbers(environment, meta, self.write)
        self.purges = NotedPurges(environment, purges, meta)

    def _lengthen(self, environment: lmdb.Environment) -> None:
        """Puts zeros where a file that was cut has lost its end.

        Reading what is mapped beyond a file's end ends the process; zeros are seen to be no page.
        """
        pages = environment.info()["last_pgno"] + 1
        size = pages * environment.stat()["psize"]
        file = self._folder / "data.mdb"
        if file.stat().st_size < size:
            os.truncate(file, size)

    # Reading.

    def get(self, digest: bytes) -> Record | None:
        """What is stored under the key with that digest."""
        with self._environment.begin(self._records, buffers=True) as transaction:
            found = transaction.get(digest)
            return None if found is None else readable(found)

    def digest_of_object(self, number: int) -> bytes | None:
        """The digest of the key that object ``number`` is stored under."""
        with self._environment.begin(self._objects) as transaction:
            found = transaction.get(_NUMBER.pack(number))
        return None if found is None else bytes(found[:16])

    def takes(self, size: int) -> bool:
        """Whether it has room for an object of ``size`` bytes."""
        return self._small.takes(size)

    def small_object(self, number: int) -> bytes | None:
        """What ``put`` was given of object ``number``; may touch the disk.

        Raises:
            lmdb.Error: the index is damaged.
        """
        return self._small.get(_NUMBER.pack(number))

    def is_pinned(self, number: int) -> bool:
        """Whether object ``number`` belongs to a pinned key."""
        with self._environment.begin() as transaction:
            found = transaction.get(_NUMBER.pack(number), db=self._objects)
            return found is not None and self.desired.is_pinned(transaction, found[:16])

    def objects(self) -> Iterator[tuple[int, bytes, int]]:
        """Number, digest of the key, and held bytes of every object, in order of number."""
        with self._environment.begin(self._objects) as transaction:
            number_of, row_of = _NUMBER.unpack, _OBJECT.unpack
            for key, value in transaction.cursor():
                digest, held = row_of(value)
                yield number_of(key)[0], digest, held

    def knows(self, numbers: Iterable[int]) -> list[bool]:
        """Whether each of ``numbers`` is an object's."""
        with self._environment.begin(self._objects) as transaction:
            return [transaction.get(_NUMBER.pack(number)) is not None for number in numbers]

    def records(self, after: bytes, count: int) -> list[tuple[bytes, Record | None]]:
        """At most ``count`` digests after ``after``, in order, with what can be read of them.

        Raises:
            Unavailable: the index is damaged.
        """
        found: list[tuple[bytes, Record | None]] = []
        try:
            with self._environment.begin(self._records) as transaction:
                cursor = transaction.cursor()
                if cursor.set_range(after + b"\0"):
                    for digest, value in itertools.islice(cursor, count):
                        found.append((bytes(digest), readable(value)))
        except lmdb.Error as error:
            raise Unavailable(what="the cache's index", reason=str(error)) from error
        return found

    # Writing.

    async def write(self, work: Write[T], before: Callable[[], None] | None = None) -> T:
        """Runs ``work`` in a transaction, with all that waits; answers after the commit.

        Args:
            work: what to do in the transaction.
            before: what to do in the same thread before it, at the cost of nobody else: if it
                fails, ``work`` is not done, and what it raises is raised here.

        Raises:
            StorageFull: no space is left.
            Unavailable: the index is broken.
        """
        result: T = await self._writes.do(work, before)
        return result

    def write_soon(
        self,
        work: Write[T],
        before: Callable[[], None] | None,
        done: Callable[[Any, Exception | None], None],
    ) -> None:
        """As ``write``; ``done`` is told the result, or how it failed."""
        self._writes.add(work, before, done)

    def write_now(self, works: Iterable[Write[T]]) -> list[T]:
        """Runs ``works`` in one transaction, in the caller's thread; raises as ``write``."""
        try:
            with self._environment.begin(write=True) as transaction:
                results = [work(transaction) for work in works]
                self._small.look(transaction)
                return results
        except (lmdb.MapFullError, lmdb.DiskError) as error:
            raise StorageFull(where="the cache's index") from error
        except lmdb.Error as error:
            raise Unavailable(what="the cache's index", reason=str(error)) from error
        finally:
            touched, self._touched = self._touched, set()
            for digest in touched:
                self._changed(digest)

    def put(self, key: str, stored: Stored, packed: bytes | None = None) -> Write[Written]:
        """Stores a response in place of the one for the same selecting fields.

        Args:
            key: what it is stored under.
            stored: it.
            packed: its bytes, where they are not in a file.
        """
        digest = digest_of(key)

        def work(transaction: lmdb.Transaction) -> Written:
            before = self._variants(transaction, digest, key)
            kept = [
                other
                for other in before
                if other.selecting != stored.selecting and other.number != stored.number
            ]
            # All responses of a resource have one Vary: what was stored under another is stranded.
            names = [name for name, _ in stored.selecting]
            kept = [other for other in kept if [name for name, _ in other.selecting] == names]
            variants = (*kept[-(MOST_VARIANTS - 1) :], stored)
            gone = {other.number for other in before} - {other.number for other in variants}
            self._put_record(transaction, digest, Record(key, variants), gone)
            row = _OBJECT.pack(digest, stored.held_bytes)
            transaction.put(_NUMBER.pack(stored.number), row, db=self._objects)
            if packed is not None:
                self._small.put(transaction, _NUMBER.pack(stored.number), packed)
            pinned = self.desired.is_pinned(transaction, digest)
            return Written(sorted(gone), pinned)

        return work

    def replace(self, key: str, stored: Stored) -> Write[bool]:
        """Changes a response that is there, by its number; whether it still was."""
        digest = digest_of(key)

        def work(transaction: lmdb.Transaction) -> bool:
            before = self._variants(transaction, digest, key)
            if all(other.number != stored.number for other in before):
                return False
            variants = tuple(stored if other.number == stored.number else other for other in before)
            self._put_record(transaction, digest, Record(key, variants), ())
            row = _OBJECT.pack(digest, stored.held_bytes)
            transaction.put(_NUMBER.pack(stored.number), row, db=self._objects)
            return True

        return work

    def remove_key(self, key: str) -> Write[list[int]]:
        """Forgets all that is stored under ``key``; answers with the objects' numbers."""
        digest = digest_of(key)

        def work(transaction: lmdb.Transaction) -> list[int]:
            gone = [other.number for other in self._variants(transaction, digest, key)]
            self._put_record(transaction, digest, Record(key, ()), gone)
            return gone

        return work

    def remove_objects(self, numbers: Iterable[int]) -> Write[None]:
        """Forgets the responses whose objects have these numbers."""
        unwanted = set(numbers)

        def work(transaction: lmdb.Transaction) -> None:
            for number in unwanted:
                row = transaction.get(_NUMBER.pack(number), db=self._objects)
                if row is None:
                    continue
                digest = bytes(row[:16])
                found = transaction.get(digest, db=self._records)
                record = readable(found) if found is not None else None
                kept = tuple(
                    stored
                    for stored in (record.variants if record else ())
                    if stored.number not in unwanted
                )
                key = record.key if record else ""
                self._put_record(transaction, digest, Record(key, kept), (number,))

        return work

    def _variants(
        self, transaction: lmdb.Transaction, digest: bytes, key: str
    ) -> tuple[Stored, ...]:
        found = transaction.get(digest, db=self._records)
        record = readable(found) if found is not None else None
        return record.variants if record is not None and record.key == key else ()

    def _put_record(
        self, transaction: lmdb.Transaction, digest: bytes, record: Record, gone: Iterable[int]
    ) -> None:
        self._touched.add(digest)
        for number in gone:
            transaction.delete(_NUMBER.pack(number), db=self._objects)
            self._small.remove(transaction, _NUMBER.pack(number))
        if record.variants:
            transaction.put(digest, _encode(record), db=self._records)
        else:
            transaction.delete(digest, db=self._records)

    async def close(self) -> None:
        """Finishes writing and closes it."""
        await self._writes.finished()
        await asyncio.to_thread(self._environment.close)
