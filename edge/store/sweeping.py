"""Taking away what purges have taken, record by record, while others go on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from edge.policy.purging import after_purges
from edge.policy.stored import Stored
from edge.store.index import Index
from edge.store.purges import PurgeNotes
from edge.store.records import Record

SWEPT_AT_ONCE = 2000
"""Records that a sweep looks at before others get their turn."""


class Sweep:
    """Deletes what purges have taken, and writes down what they made stale."""

    def __init__(
        self,
        index: Index,
        purges: PurgeNotes,
        is_own: Callable[[bytes], bool],
        remove: Callable[[list[int]], Awaitable[None]],
        swept: Callable[[int], None],
    ) -> None:
        """Looks through ``index``.

        Args:
            index: what is stored.
            purges: what has been purged.
            is_own: whether the key with a digest is this process's.
            remove: deletes objects by their numbers.
            swept: is told the number of the purge up to which all is swept.
        """
        self._index = index
        self._purges = purges
        self._is_own = is_own
        self._remove = remove
        self._swept = 0
        self._tell_swept = swept
        swept(0)

    async def run(self) -> None:
        """Looks at all records, if there were purges since the last time."""
        last = self._purges.sequence
        if last == self._swept:
            return
        after = b""
        while found := await asyncio.to_thread(self._index.records, after, SWEPT_AT_ONCE):
            after = found[-1][0]
            await self._sweep(
                record for digest, record in found if record is not None and self._is_own(digest)
            )
        self._swept = last
        self._tell_swept(last)

    async def _sweep(self, records: Iterable[Record]) -> None:
        purges = self._purges.current()
        last = purges.last
        gone: list[int] = []
        softened: list[tuple[str, Stored]] = []
        for record in records:
            for stored in record.variants:
                left = after_purges(record.key, stored, purges)
                if left is None:
                    gone.append(stored.number)
                elif left is not stored and not stored.softened:
                    # Purges that come from now on apply to it.
                    changed = msgspec.structs.replace(left, sequence=last)
                    softened.append((record.key, changed))
        writes = [self._index.write(self._index.replace(*change)) for change in softened]
        await asyncio.gather(*writes)
        if gone:
            await self._remove(gone)
