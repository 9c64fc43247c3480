"""Operators' orders in one SQLite file, for a control plane on one machine."""

from pathlib import Path

from common.messages import decode, encode_text
from common.service.sqlite import SqliteFile
from control_plane.standing.port import Standing

_SCHEMA = """
CREATE TABLE IF NOT EXISTS standings (
    edge_id TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
"""


class SqliteStandings:
    """The adapter for one machine."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    async def open(cls, path: Path) -> "SqliteStandings":
        """The orders in the file ``path``, made when it is missing.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        return cls(await SqliteFile.open(path, _SCHEMA, synchronous="FULL"))

    async def put(self, standing: Standing) -> None:
        """See the port."""
        await self._file.write(
            "INSERT OR REPLACE INTO standings VALUES (?, ?)",
            (standing.edge_id, encode_text(standing)),
        )

    async def all(self) -> tuple[Standing, ...]:
        """See the port."""
        rows = await self._file.read("SELECT record FROM standings")
        return tuple(decode(row[0], Standing) for row in rows)

    async def close(self) -> None:
        """See the port."""
        await self._file.close()
