"""The port behind which the log of purges lives."""

from collections.abc import Sequence
from typing import Protocol

from control_plane.purge.records import PurgeRecord


class PurgeLog(Protocol):
    """Purges in one order for all control planes, numbered from 1 without gaps.

    Every method raises ``Unavailable`` when the database does not answer.
    """

    async def append(self, purges: Sequence[PurgeRecord]) -> tuple[PurgeRecord, ...]:
        """Writes ``purges`` at the end, in their order; durable when this returns.

        Those of another writer may come between them. When it fails, some or all of them may have
        been written all the same.

        Returns:
            Them with their numbers.

        Raises:
            StorageFull: no space is left.
        """
        ...

    async def since(self, sequence: int, *, limit: int) -> tuple[PurgeRecord, ...]:
        """At most ``limit`` purges with numbers above ``sequence``, in order. The first does not
        follow on it where older ones were trimmed away."""
        ...

    async def head(self) -> int:
        """The number of the last purge; 0 when there never was one."""
        ...

    async def recent(self, *, limit: int) -> tuple[PurgeRecord, ...]:
        """The newest ``limit`` purges, the newest first."""
        ...

    async def purge(self, purge_id: str) -> PurgeRecord | None:
        """A purge; None when there is none of that name, or no more."""
        ...

    async def trim(self, *, keep: int, before: float) -> None:
        """Forgets all but the last ``keep`` purges, and the oldest as far as they are of before
        the time ``before``. The last one always stays: the next number follows from it."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...
