"""The index: key to entry, in LMDB, so that it is there again after a restart and can be shared.

Commits are synced in the order that keeps the tree whole, whatever happens to the machine.
Calls may touch the disk, so all but ``get`` belong in a thread; ``get`` reads mapped memory.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import lmdb
import msgspec

from common.errors import StorageFull, Unavailable
from edge.store.entry import Entry

MAP_SIZE = 4 * 1024**3
"""Bytes of address space: about ten million entries. The file grows as it is needed."""

_decoder = msgspec.msgpack.Decoder(Entry)
_encoder = msgspec.msgpack.Encoder()


class Index:
    """Entries by key."""

    def __init__(self, folder: Path) -> None:
        """Opens the index in ``folder``; a damaged one is made anew, for a cache can be refilled.

        Raises:
            StorageFull: no space is left for it.
            Unavailable: it cannot be opened.
        """
        try:
            self._environment = _open(folder)
        except lmdb.DiskError as error:
            raise StorageFull(where=f"the cache folder {folder}") from error
        except lmdb.Error:
            for file in folder.glob("*.mdb"):
                file.unlink()
            try:
                self._environment = _open(folder)
            except lmdb.Error as error:
                raise Unavailable(what=f"the index in {folder}", reason=str(error)) from error

    def get(self, key: str) -> Entry | None:
        """The entry of ``key``."""
        with self._environment.begin() as transaction:
            found = transaction.get(key.encode())
        if found is None:
            return None
        try:
            return _decoder.decode(found)
        except msgspec.MsgspecError:
            # Written by another release: the object is fetched again.
            return None

    def put(self, key: str, entry: Entry) -> None:
        """Writes an entry.

        Raises:
            StorageFull: no space is left.
        """
        try:
            with self._environment.begin(write=True) as transaction:
                transaction.put(key.encode(), _encoder.encode(entry))
        except (lmdb.MapFullError, lmdb.DiskError) as error:
            raise StorageFull(where="the cache's index") from error
        except lmdb.Error as error:
            raise Unavailable(what="the cache's index", reason=str(error)) from error

    def remove(self, keys: Iterable[str]) -> None:
        """Removes the entries of ``keys``.

        Raises:
            StorageFull: no space is left even for that.
        """
        try:
            with self._environment.begin(write=True) as transaction:
                for key in keys:
                    transaction.delete(key.encode())
        except lmdb.Error as error:
            raise StorageFull(where="the cache's index") from error

    def items(self) -> Iterator[tuple[str, Entry | None]]:
        """Every key with its entry; None where that cannot be read."""
        with self._environment.begin() as transaction:
            for key, value in transaction.cursor():
                try:
                    yield key.decode(), _decoder.decode(value)
                except msgspec.MsgspecError:
                    yield key.decode(), None

    def close(self) -> None:
        """Closes it."""
        self._environment.close()


def _open(folder: Path) -> lmdb.Environment:
    folder.mkdir(parents=True, exist_ok=True)
    return lmdb.open(str(folder), map_size=MAP_SIZE, metasync=False, max_readers=512)
