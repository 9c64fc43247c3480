"""Notes of purges in the index, and how far the control plane's log of purges was followed.

The number in the log is written in the transaction of the notes: whatever ends the edge, each purge
of the log is noted once.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import lmdb
import msgspec

from edge.policy.purging import Purge

T = TypeVar("T")
Write = Callable[[lmdb.Transaction], T]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Purge).decode
_NUMBER = struct.Struct(">Q")
_LAST, _FLOOR, _EDITS, _FOLLOWED = b"purge-last", b"purge-floor", b"purge-edits", b"purge-followed"


class Notes(NamedTuple):
    """What was read."""

    purges: list[Purge]
    whole: bool
    """Whether these are all notes; otherwise, those that were added."""
    floor: int
    """The highest number of those that were forgotten."""
    edits: int
    """How often notes were changed or forgotten."""
    followed: int
    """The number of the last purge of the control plane's log that is among them, or was."""


class NotedPurges:
    """The notes, by number."""

    def __init__(self, environment: lmdb.Environment, notes: Any, meta: Any) -> None:
        """Keeps them in the database ``notes`` of ``environment``, and numbers in ``meta``."""
        self._environment = environment
        self._notes = notes
        self._meta = meta

    def read(self, after: int, edits: int) -> Notes:
        """The notes with numbers above ``after``; all, when others than those that had been edited
        ``edits`` times are there."""
        with self._environment.begin() as transaction:
            now = self._number(transaction, _EDITS)
            cursor = transaction.cursor(db=self._notes)
            whole = now != edits
            found = cursor.set_range(_NUMBER.pack(0 if whole else after + 1))
            purges = [_decode(note) for _, note in cursor] if found else []
            floor, followed = (self._number(transaction, name) for name in (_FLOOR, _FOLLOWED))
            return Notes(purges, whole, floor, now, followed)

    def forgettable(self, *, before: float, most: int, swept: int) -> int:
        """The number up to which notes may be forgotten; 0 for none.

        Args:
            before: POSIX seconds; notes that are older are too old.
            most: how many there may be; when there are more, half of them are too many.
            swept: the number up to which nothing is left that they could take.
        """
        with self._environment.begin(self._notes) as transaction:
            count = transaction.stat(self._notes)["entries"]
            surplus = count - most // 2 if count > most else 0
            upto = 0
            for key, note in transaction.cursor():
                number = _NUMBER.unpack(key)[0]
                purge = _decode(note)
                surplus -= 1
                if not purge.bars and (number > swept or (purge.at >= before and surplus < 0)):
                    break
                upto = upto if purge.bars else number
            return upto

    def followed(self) -> int:
        """The number of the last purge of the control plane's log that is noted."""
        with self._environment.begin() as transaction:
            return self._number(transaction, _FOLLOWED)

    def add(self, make: Callable[[int], Purge]) -> Write[Purge]:
        """Notes the purge that ``make`` makes with the number that it is given."""

        def work(transaction: lmdb.Transaction) -> Purge:
            number = self._number(transaction, _LAST) + 1
            purge = make(number)
            self._put(transaction, purge)
            self._set(transaction, _LAST, number)
            return purge

        return work

    def follow(self, purges: Sequence[tuple[int, Purge]], *, since: int, upto: int) -> Write[int]:
        """Notes those ``purges`` of the log, each with its number there, that are not yet.

        Args:
            purges: all that follow on number ``since``, in order.
            since: nothing is noted when what is before it was not.
            upto: the number of the last.

        Returns:
            The number of the last purge of the log that is noted.
        """

        def work(transaction: lmdb.Transaction) -> int:
            followed = self._number(transaction, _FOLLOWED)
            if not since <= followed < upto:
                return followed
            last = self._number(transaction, _LAST)
            fresh = [purge for number, purge in purges if number > followed]
            for number, purge in enumerate(fresh, last + 1):
                self._put(transaction, msgspec.structs.replace(purge, sequence=number))
            self._set(transaction, _LAST, last + len(fresh))
            self._set(transaction, _FOLLOWED, upto)
            return upto

        return work

    def follow_anew(self, purge: Purge, *, upto: int) -> Write[int]:
        """Notes ``purge`` in place of all of the log up to number ``upto``; answers with that."""

        def work(transaction: lmdb.Transaction) -> int:
            self.add(lambda number: msgspec.structs.replace(purge, sequence=number))(transaction)
            self._set(transaction, _FOLLOWED, upto)
            return upto

        return work

    def change(self, purge: Purge) -> Write[None]:
        """Has the note with the number of ``purge`` say what that says."""

        def work(transaction: lmdb.Transaction) -> None:
            self._put(transaction, purge)
            self._edited(transaction)

        return work

    def forget(self, upto: int) -> Write[None]:
        """Forgets the purges up to number ``upto``, which could take nothing now, but what bars."""

        def work(transaction: lmdb.Transaction) -> None:
            for number, note in list(transaction.cursor(db=self._notes)):
                if _NUMBER.unpack(number)[0] > upto:
                    break
                if not _decode(note).bars:
                    transaction.delete(number, db=self._notes)
            self._set(transaction, _FLOOR, max(upto, self._number(transaction, _FLOOR)))
            self._edited(transaction)

        return work

    def _put(self, transaction: lmdb.Transaction, purge: Purge) -> None:
        transaction.put(_NUMBER.pack(purge.sequence), _encode(purge), db=self._notes)

    def _edited(self, transaction: lmdb.Transaction) -> None:
        self._set(transaction, _EDITS, self._number(transaction, _EDITS) + 1)

    def _number(self, transaction: lmdb.Transaction, name: bytes) -> int:
        found = transaction.get(name, db=self._meta)
        return 0 if found is None else int(_NUMBER.unpack(found)[0])

    def _set(self, transaction: lmdb.Transaction, name: bytes, number: int) -> None:
        transaction.put(name, _NUMBER.pack(number), db=self._meta)
