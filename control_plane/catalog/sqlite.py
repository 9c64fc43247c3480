"""The catalog in one SQLite file, for a control plane on one machine.

Records are JSON; the columns beside them are what queries need. Each write is one statement, so it
is atomic without a transaction that a cancelled request could leave open.
"""

from collections.abc import Collection
from pathlib import Path

from common.messages import Heartbeat, Holdings, PackageAnnouncement, decode, encode_text
from common.service.sqlite import SqliteFile
from control_plane.catalog.port import PackageConflict
from control_plane.catalog.records import EdgeRecord, Package

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

    def __init__(self, file: SqliteFile, durable: SqliteFile) -> None:
        self._file = file
        self._durable = durable

    @classmethod
    async def open(cls, path: Path) -> "SqliteCatalog":
        """The catalog in the file ``path``, made when it is missing.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        # Heartbeats are written every second and may be lost with the power. What was answered
        # must outlive it: packages are written through a connection that syncs each commit.
        durable = await SqliteFile.open(path, _SCHEMA, synchronous="FULL")
        try:
            return cls(await SqliteFile.open(path, _SCHEMA, synchronous="NORMAL"), durable)
        except BaseException:
            await durable.close()
            raise

    async def publish(self, announcement: PackageAnnouncement, now: float) -> Package:
        """See the port."""
        package = Package(announcement, now)
        await self._durable.write(
            "INSERT OR IGNORE INTO packages VALUES (?, ?, ?)",
            (announcement.asset_id, announcement.version, encode_text(package)),
        )
        ((record,),) = await self._durable.read(
            "SELECT record FROM packages WHERE asset_id = ? AND version = ?",
            (announcement.asset_id, announcement.version),
        )
        known = decode(record, Package)
        if known.announcement.manifest_sha256 != announcement.manifest_sha256:
            raise PackageConflict(asset_id=announcement.asset_id, version=announcement.version)
        return known

    async def packages(self) -> tuple[Package, ...]:
        """See the port."""
        rows = await self._file.read("SELECT record FROM packages")
        return tuple(decode(row[0], Package) for row in rows)

    async def package_count(self) -> int:
        """See the port."""
        ((count,),) = await self._file.read("SELECT count(*) FROM packages")
        return int(count)

    async def record_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """See the port."""
        await self._file.write(
            "INSERT INTO edges VALUES (?, ?, ?) ON CONFLICT (edge_id)"
            " DO UPDATE SET heard_at = excluded.heard_at, heartbeat = excluded.heartbeat",
            (heartbeat.edge_id, now, encode_text(heartbeat)),
        )

    async def record_holdings(self, holdings: Holdings) -> None:
        """See the port."""
        await self._file.write(
            "INSERT INTO holdings VALUES (?, ?) ON CONFLICT (edge_id)"
            " DO UPDATE SET record = excluded.record",
            (holdings.edge_id, encode_text(holdings)),
        )

    async def edges(self) -> tuple[EdgeRecord, ...]:
        """See the port."""
        rows = await self._file.read("SELECT heartbeat, heard_at FROM edges")
        return tuple(EdgeRecord(decode(beat, Heartbeat), heard_at) for beat, heard_at in rows)

    async def holdings(self, edge_ids: Collection[str]) -> tuple[Holdings, ...]:
        """See the port."""
        rows = await self._file.read(
            "SELECT record FROM holdings WHERE edge_id IN (SELECT value FROM json_each(?))",
            (encode_text(list(edge_ids)),),
        )
        return tuple(decode(row[0], Holdings) for row in rows)

    async def close(self) -> None:
        """See the port."""
        await self._file.close()
        await self._durable.close()
