"""The catalog in one SQLite file, for a control plane on one machine.

Records are JSON; the columns beside them are what queries need. Each write is one statement, so it
is atomic without a transaction that a cancelled request could leave open.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from common.errors import StorageFull, Unavailable
from common.messages import Heartbeat, Holdings, PackageAnnouncement, decode, encode_text
from control_plane.catalog.port import PackageConflict
from control_plane.catalog.records import EdgeRecord, Package

LOCK_WITHIN = 5.0
"""Seconds to wait for another program that has locked the file."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS packages (
    asset_id TEXT NOT NULL,
    version TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (asset_id, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edges (
    edge_id TEXT PRIMARY KEY,
    heard_at REAL NOT NULL,
    heartbeat TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holdings (
    edge_id TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
"""


class SqliteCatalog:
    """The adapter for one machine."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    async def open(cls, path: Path) -> "SqliteCatalog":
        """The catalog in the file ``path``, made when it is missing.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            connection = await aiosqlite.connect(path, timeout=LOCK_WITHIN, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _translated(path, error) from error
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
            # Heartbeats are written every second and may be lost with the power; a package is
            # announced until it is answered, so its write alone asks for the sync (see publish).
            await connection.execute("PRAGMA synchronous = NORMAL")
            await connection.executescript(_SCHEMA)
        except BaseException as error:
            await connection.close()
            if isinstance(error, sqlite3.Error):
                raise _translated(path, error) from error
            raise
        return cls(connection, path)

    async def publish(self, announcement: PackageAnnouncement, now: float) -> Package:
        """See the port."""
        package = Package(announcement, now)
        await self._write(
            "INSERT OR IGNORE INTO packages VALUES (?, ?, ?)",
            (announcement.asset_id, announcement.version, encode_text(package)),
        )
        # What was answered must outlive a power cut: the log is synced into the database file.
        await self._write("PRAGMA wal_checkpoint(FULL)", ())
        async with self._rows(
            "SELECT record FROM packages WHERE asset_id = ? AND version = ?",
            (announcement.asset_id, announcement.version),
        ) as cursor:
            row = await cursor.fetchone()
        assert row is not None
        known = decode(row[0], Package)
        if known.announcement.manifest_sha256 != announcement.manifest_sha256:
            raise PackageConflict(asset_id=announcement.asset_id, version=announcement.version)
        return known

    async def packages(self) -> tuple[Package, ...]:
        """See the port."""
        async with self._rows("SELECT record FROM packages", ()) as cursor:
            return tuple(decode(row[0], Package) for row in await cursor.fetchall())

    async def package_count(self) -> int:
        """See the port."""
        async with self._rows("SELECT count(*) FROM packages", ()) as cursor:
            row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def record_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """See the port."""
        await self._write(
            "INSERT INTO edges VALUES (?, ?, ?) ON CONFLICT (edge_id)"
            " DO UPDATE SET heard_at = excluded.heard_at, heartbeat = excluded.heartbeat",
            (heartbeat.edge_id, now, encode_text(heartbeat)),
        )

    async def record_holdings(self, holdings: Holdings) -> None:
        """See the port."""
        await self._write(
            "INSERT INTO holdings VALUES (?, ?) ON CONFLICT (edge_id)"
            " DO UPDATE SET record = excluded.record",
            (holdings.edge_id, encode_text(holdings)),
        )

    async def edges(self) -> tuple[EdgeRecord, ...]:
        """See the port."""
        async with self._rows(
            "SELECT heartbeat, heard_at, record FROM edges LEFT JOIN holdings USING (edge_id)", ()
        ) as cursor:
            rows = await cursor.fetchall()
        return tuple(
            EdgeRecord(decode(beat, Heartbeat), heard_at, decode(held, Holdings) if held else None)
            for beat, heard_at, held in rows
        )

    async def close(self) -> None:
        """See the port."""
        await self._connection.close()

    async def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        async with self._rows(statement, values):
            pass

    @asynccontextmanager
    async def _rows(
        self, statement: str, values: tuple[Any, ...]
    ) -> AsyncIterator[aiosqlite.Cursor]:
        try:
            async with self._connection.execute(statement, values) as cursor:
                yield cursor
        except (sqlite3.Error, ValueError) as error:
            # ValueError is what aiosqlite says of a connection that was closed meanwhile.
            raise _translated(self._path, error) from error


def _translated(path: Path, error: Exception) -> Unavailable | StorageFull:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return StorageFull(where=f"the database {path.name}")
    return Unavailable(what=f"the database {path.name}", reason=str(error))
