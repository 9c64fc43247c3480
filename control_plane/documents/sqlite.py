"""Operators' documents in one SQLite file, for a control plane on one machine."""

from pathlib import Path

from common.service.sqlite import SqliteFile
from control_plane.documents.port import Document

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    family TEXT NOT NULL,
    name TEXT NOT NULL,
    told_by TEXT NOT NULL,
    told_at REAL NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (family, name)
);
CREATE INDEX IF NOT EXISTS documents_revisions ON documents (family, revision);
"""


class SqliteDocuments:
    """The adapter for one machine."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    async def open(cls, path: Path) -> "SqliteDocuments":
        """The documents in the file ``path``, made when it is missing.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        return cls(await SqliteFile.open(path, _SCHEMA, synchronous="FULL"))

    async def put(self, document: Document) -> None:
        """See the port."""
        told = (document.by, document.at, document.revision, document.body)
        await self._file.write(
            "INSERT OR REPLACE INTO documents (family, name, told_by, told_at, revision, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (document.family, document.name, *told),
        )

    async def delete(self, family: str, name: str) -> bool:
        """See the port."""
        gone = await self._file.write(
            "DELETE FROM documents WHERE family = ? AND name = ?", (family, name)
        )
        return gone > 0

    async def state(self, family: str) -> int:
        """See the port."""
        rows = await self._file.read(
            "SELECT coalesce(sum(revision), 0) FROM documents WHERE family = ?", (family,)
        )
        return int(rows[0][0])

    async def all(self, family: str) -> tuple[Document, ...]:
        """See the port."""
        rows = await self._file.read(
            "SELECT family, name, body, told_by, told_at, revision FROM documents WHERE family = ?",
            (family,),
        )
        return tuple(Document(*row) for row in rows)

    async def close(self) -> None:
        """See the port."""
        await self._file.close()
