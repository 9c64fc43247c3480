"""What the edge is to hold, and which objects are pinned for it, in the index.

A package that comes or goes changes its own rows alone, all of them in one transaction: whatever
ends the edge, what is pinned is what its packages need. An object may be needed by several.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import lmdb
import msgspec

from common.errors import Unavailable
from common.messages import DesiredChange, DesiredPackage, PackageName

_EDGE = b"desired-edge"
_REVISION = b"desired-revision"


class DesiredRow(msgspec.Struct, frozen=True, array_like=True):
    """A package that the edge is to hold."""

    package: DesiredPackage
    objects: int = 0
    """How many it has; 0 until all of them were held."""
    bytes: int = 0
    """Those of all of them."""
    pinned: bool = False
    """Whether its objects are pinned, not the manifest alone."""

    @property
    def name(self) -> PackageName:
        """Which one it is."""
        return PackageName(self.package.asset_id, self.package.version)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(DesiredRow).decode


class DesiredRows:
    """The rows and the pins."""

    def __init__(
        self,
        environment: lmdb.Environment,
        meta: Any,
        digest_of: Callable[[str], bytes],
        write: Callable[[Callable[[lmdb.Transaction], Any]], Awaitable[Any]],
    ) -> None:
        """Keeps them in ``environment``, in transactions that ``write`` makes.

        Args:
            environment: the index.
            meta: its database for the revision.
            digest_of: what stands for a key.
            write: runs a work in a transaction.
        """
        self._write = write
        self._environment = environment
        self._meta = meta
        self._digest_of = digest_of
        self._rows = environment.open_db(b"desired")
        # Digests of keys with the packages that need them, and the other way round.
        self._pinned = environment.open_db(b"pinned", dupsort=True, dupfixed=True)
        self._pins = environment.open_db(b"pins-of", dupsort=True, dupfixed=True)

    def is_pinned(self, transaction: lmdb.Transaction, digest: bytes) -> bool:
        """Whether some package needs the key with that digest."""
        return transaction.get(digest, db=self._pinned) is not None

    def needs(self, key: str) -> bool:
        """Whether some package needs what is stored under ``key``."""
        with self._environment.begin() as transaction:
            return self.is_pinned(transaction, self._digest_of(key))

    async def load(self, edge_id: str) -> tuple[int, list[DesiredRow]]:
        """The revision and the rows of the edge of that name.

        Raises:
            Unavailable: they cannot be read.
        """
        return await asyncio.to_thread(self._load, edge_id)

    def _load(self, edge_id: str) -> tuple[int, list[DesiredRow]]:
        try:
            with self._environment.begin() as transaction:
                if transaction.get(_EDGE, db=self._meta) != edge_id.encode():
                    return 0, []
                rows = [_decode(value) for _, value in transaction.cursor(db=self._rows)]
                return self._revision(transaction), rows
        except (lmdb.Error, msgspec.MsgspecError) as error:
            raise Unavailable(what="what the edge is to hold", reason=str(error)) from error

    async def change(self, change: DesiredChange) -> bool:
        """Writes down what is to be held now, and unpins what only others needed.

        Returns:
            Whether it could: not when one before it could not be, so that the next run asks for
            all that it has missed.

        Raises:
            StorageFull: no space is left to write that down.
            Unavailable: the index is broken.
        """
        edge = change.edge_id.encode()

        def work(transaction: lmdb.Transaction) -> bool:
            known = transaction.get(_EDGE, db=self._meta) == edge
            if change.since and (not known or self._revision(transaction) != change.since):
                return False
            rows = {_row_key(row.name): row for row in map(DesiredRow, change.packages)}
            leaving = {_row_key(name) for name in change.dropped}
            if change.since == 0:
                leaving = {bytes(key) for key, _ in transaction.cursor(db=self._rows)}
            for key in leaving - rows.keys():
                self._unpin(transaction, key)
                transaction.delete(key, db=self._rows)
            for key, row in rows.items():
                self._put(transaction, key, row)
            transaction.put(_EDGE, edge, db=self._meta)
            transaction.put(_REVISION, b"%d" % change.revision, db=self._meta)
            return True

        return bool(await self._write(work))

    def _revision(self, transaction: lmdb.Transaction) -> int:
        return int(transaction.get(_REVISION, b"0", db=self._meta))

    def _put(self, transaction: lmdb.Transaction, key: bytes, row: DesiredRow) -> None:
        found = transaction.get(key, db=self._rows)
        before = None if found is None else _decode(found)
        if before is not None and same_content(before.package, row.package):
            row = msgspec.structs.replace(before, package=row.package)
        else:
            self._unpin(transaction, key)
            self._pin(transaction, key, [row.package.manifest_key])
        transaction.put(key, _encode(row), db=self._rows)

    async def learn(self, row: DesiredRow, keys: Iterable[str] = ()) -> None:
        """Notes what is known of a package, if it is still to be held, and pins ``keys`` for it.

        Raises:
            StorageFull: no space is left to write that down.
            Unavailable: the index is broken.
        """
        key = _row_key(row.name)

        def work(transaction: lmdb.Transaction) -> None:
            found = transaction.get(key, db=self._rows)
            if found is None:
                return
            package = _decode(found).package
            if same_content(package, row.package):
                told = msgspec.structs.replace(row, package=package)
                transaction.put(key, _encode(told), db=self._rows)
                self._pin(transaction, key, keys)

        await self._write(work)

    def _pin(self, transaction: lmdb.Transaction, row_key: bytes, keys: Iterable[str]) -> None:
        owner = self._digest_of(row_key.decode())
        for digest in map(self._digest_of, keys):
            transaction.put(digest, owner, db=self._pinned)
            transaction.put(owner, digest, db=self._pins)

    def _unpin(self, transaction: lmdb.Transaction, row_key: bytes) -> None:
        owner = self._digest_of(row_key.decode())
        cursor = transaction.cursor(db=self._pins)
        digests = [bytes(one) for one in cursor.iternext_dup()] if cursor.set_key(owner) else []
        for digest in digests:
            transaction.delete(digest, owner, db=self._pinned)
        transaction.delete(owner, db=self._pins)


def _row_key(name: PackageName) -> bytes:
    return f"{name.asset_id}/{name.version}".encode()


def same_content(left: DesiredPackage, right: DesiredPackage) -> bool:
    """Whether what is told of a package leaves its objects as they are."""
    return left.manifest_sha256 == right.manifest_sha256 and left.manifest_key == right.manifest_key
