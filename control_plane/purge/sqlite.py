"""The log of purges in one SQLite file, for control planes on one machine."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from common.messages import decode, encode_text
from common.service.sqlite import SqliteFile
from control_plane.purge.records import PurgeRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS purges (
    sequence INTEGER PRIMARY KEY,
    purge_id TEXT NOT NULL UNIQUE,
    at REAL NOT NULL,
    record TEXT NOT NULL
);
"""


class SqlitePurgeLog:
    """The adapter for one machine."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    async def open(cls, path: Path) -> "SqlitePurgeLog":
        """The log in the file ``path``, made when it is missing.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        return cls(await SqliteFile.open(path, _SCHEMA, synchronous="FULL"))

    async def append(self, purges: Sequence[PurgeRecord]) -> tuple[PurgeRecord, ...]:
        """See the port."""
        if not purges:
            return ()
        # One statement has one lock: nobody else's come between.
        await self._file.write(
            "INSERT INTO purges SELECT (SELECT coalesce(max(sequence), 0) FROM purges) + key + 1,"
            " value ->> 'purge_id', value ->> 'at', value FROM json_each(?)",
            (encode_text(purges),),
        )
        ((first,),) = await self._file.read(
            "SELECT sequence FROM purges WHERE purge_id = ?", (purges[0].purge_id,)
        )
        return tuple(
            msgspec.structs.replace(purge, sequence=number)
            for number, purge in enumerate(purges, first)
        )

    async def since(self, sequence: int, *, limit: int) -> tuple[PurgeRecord, ...]:
        """See the port."""
        return await self._found(
            "SELECT sequence, record FROM purges WHERE sequence > ? ORDER BY sequence LIMIT ?",
            sequence,
            limit,
        )

    async def head(self) -> int:
        """See the port."""
        ((number,),) = await self._file.read("SELECT coalesce(max(sequence), 0) FROM purges")
        return int(number)

    async def recent(self, *, limit: int) -> tuple[PurgeRecord, ...]:
        """See the port."""
        return await self._found(
            "SELECT sequence, record FROM purges ORDER BY sequence DESC LIMIT ?", limit
        )

    async def purge(self, purge_id: str) -> PurgeRecord | None:
        """See the port."""
        found = await self._found(
            "SELECT sequence, record FROM purges WHERE purge_id = ?", purge_id
        )
        return next(iter(found), None)

    async def trim(self, *, keep: int, before: float) -> None:
        """See the port."""
        await self._file.write(
            "DELETE FROM purges WHERE sequence < (SELECT max(sequence) FROM purges) AND"
            " (sequence <= (SELECT max(sequence) FROM purges) - ?1 OR sequence <"
            " (SELECT coalesce(min(sequence), 9e15) FROM purges WHERE at >= ?2))",
            (keep, before),
        )

    async def _found(self, select: str, *values: str | int) -> tuple[PurgeRecord, ...]:
        rows = await self._file.read(select, values)
        return tuple(
            msgspec.structs.replace(decode(record, PurgeRecord), sequence=number)
            for number, record in rows
        )

    async def close(self) -> None:
        """See the port."""
        await self._file.close()
