"""Numbers of objects: each process takes some for itself at a time."""

import struct
from collections.abc import Awaitable, Callable
from typing import Any

import lmdb

AT_ONCE = 4096
"""Numbers that a process takes."""
_NUMBER = struct.Struct(">Q")
_NEXT = b"next-number"


class Numbers:
    """Numbers that no object has, each higher than those this process had before."""

    def __init__(
        self,
        environment: lmdb.Environment,
        database: Any,
        write: Callable[[Callable[[lmdb.Transaction], None]], Awaitable[None]],
    ) -> None:
        """Takes them from ``database`` of ``environment``, in transactions that ``write`` makes."""
        self._environment = environment
        self._database = database
        self._write = write
        self._own = iter(range(0))

    def first_free(self) -> int:
        """A number above that of every object so far."""
        with self._environment.begin() as transaction:
            return self._next(transaction)

    async def new(self) -> int:
        """A number.

        Raises:
            StorageFull: no space is left.
        """
        while (number := self.now()) is None:
            await self._write(self._take)
        return number

    def now(self) -> int | None:
        """A number; None when that has to wait."""
        return next(self._own, None)

    def _take(self, transaction: lmdb.Transaction) -> None:
        first = self._next(transaction)
        following = first + AT_ONCE
        transaction.put(_NEXT, _NUMBER.pack(following), db=self._database)
        self._own = iter(range(first, following))

    def _next(self, transaction: lmdb.Transaction) -> int:
        found = transaction.get(_NEXT, db=self._database)
        return 1 if found is None else int(_NUMBER.unpack(found)[0])
