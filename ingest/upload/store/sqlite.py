"""Uploads in a SQLite file beside the jobs' one, so that neither waits for the other's lock.

The record itself is JSON in ``body``; the columns beside it are what queries need.
"""

from pathlib import Path
from typing import Self

from common.messages import decode, encode_text
from common.service.sqlite import SqliteFile
from ingest.upload.quota import QuotaSettings, Usage, fits
from ingest.upload.record import Upload

_SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    upload_id TEXT PRIMARY KEY,
    due_at REAL NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_due ON uploads (due_at);
CREATE TABLE IF NOT EXISTS usage (
    day INTEGER NOT NULL,
    owner TEXT NOT NULL,
    uploads INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (day, owner)
) WITHOUT ROWID;
"""


class SqliteUploadStore:
    """The adapter for one machine; the processes that share the file are on it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    async def open(cls, path: Path) -> Self:
        """The uploads of the system whose jobs are in the file ``path``.

        Raises:
            Unavailable: the file cannot be opened, or is no SQLite database.
        """
        beside = path.with_name(f"{path.stem}-uploads{path.suffix}")
        return cls(await SqliteFile.open(beside, _SCHEMA, synchronous="FULL"))

    async def add(self, upload: Upload) -> None:
        """See the port."""
        await self._file.write(
            "INSERT OR IGNORE INTO uploads VALUES (?, ?, ?, ?)",
            (upload.upload_id, upload.due_at, upload.revision, encode_text(upload)),
        )

    async def upload(self, upload_id: str) -> Upload | None:
        """See the port."""
        rows = await self._file.read("SELECT body FROM uploads WHERE upload_id = ?", (upload_id,))
        return decode(rows[0][0], Upload) if rows else None

    async def swap(self, old: Upload, new: Upload) -> bool:
        """See the port."""
        changed = await self._file.write(
            "UPDATE uploads SET due_at = ?, revision = ?, body = ?"
            " WHERE upload_id = ? AND revision = ?",
            (new.due_at, new.revision, encode_text(new), old.upload_id, old.revision),
        )
        return changed == 1

    async def remove(self, old: Upload) -> bool:
        """See the port."""
        changed = await self._file.write(
            "DELETE FROM uploads WHERE upload_id = ? AND revision = ?",
            (old.upload_id, old.revision),
        )
        return changed == 1

    async def due(self, now: float, limit: int) -> tuple[Upload, ...]:
        """See the port."""
        rows = await self._file.read(
            "SELECT body FROM uploads WHERE due_at <= ? ORDER BY due_at LIMIT ?", (now, limit)
        )
        return tuple(decode(row[0], Upload) for row in rows)

    async def charge(self, owner: str, day: int, wanted: Usage, quota: QuotaSettings) -> bool:
        """See the port."""
        if not fits(quota, Usage(), wanted):
            return False
        changed = await self._file.write(
            "INSERT INTO usage VALUES (?, ?, ?, ?) ON CONFLICT (day, owner) DO UPDATE"
            " SET uploads = uploads + excluded.uploads, size = size + excluded.size"
            " WHERE uploads + excluded.uploads <= ? AND size + excluded.size <= ?",
            (
                day,
                owner,
                wanted.uploads,
                wanted.size,
                quota.uploads_per_day,
                int(quota.bytes_per_day),
            ),
        )
        return changed == 1

    async def refund(self, owner: str, day: int, given_back: Usage) -> None:
        """See the port."""
        await self._file.write(
            "UPDATE usage SET uploads = max(0, uploads - ?), size = max(0, size - ?)"
            " WHERE day = ? AND owner = ?",
            (given_back.uploads, given_back.size, day, owner),
        )

    async def usage(self, owner: str, day: int) -> Usage:
        """See the port."""
        rows = await self._file.read(
            "SELECT uploads, size FROM usage WHERE day = ? AND owner = ?", (day, owner)
        )
        return Usage(*rows[0]) if rows else Usage()

    async def forget_usage(self, before: int) -> None:
        """See the port."""
        await self._file.write("DELETE FROM usage WHERE day < ?", (before,))

    async def close(self) -> None:
        """See the port."""
        await self._file.close()
