"""The catalog in one SQLite file, for a control plane on one machine.

Records are JSON; the columns beside them are what queries need. Packages are counted as they come:
SQLite would read an index of a million of them to tell, and is asked each second. Each write is one
statement, so it is atomic without a transaction that a cancelled request could leave open.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from common.messages import (
    Heartbeat,
    HeldPackage,
    Holdings,
    PackageAnnouncement,
    decode,
    encode_text,
)
from common.service.sqlite import SqliteFile
from control_plane.catalog.port import PackageConflict
from control_plane.catalog.records import (
    Counts,
    EdgeRecord,
    Package,
    Pin,
    Removal,
    Tombstone,
)

AT_ONCE: Final = 500
"""Packages that are decoded before anything else runs: a few milliseconds."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS packages (
    asset_id TEXT NOT NULL,
    version TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (asset_id, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS packages_by_age
    ON packages (json_extract(record, '$.published_at'));
CREATE TABLE IF NOT EXISTS counted (
    what TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS packages_counted AFTER INSERT ON packages BEGIN
    UPDATE counted SET number = number + 1 WHERE what = 'packages';
END;
INSERT INTO counted SELECT 'packages', (SELECT count(*) FROM packages)
    WHERE NOT EXISTS (SELECT 1 FROM counted WHERE what = 'packages');
CREATE TABLE IF NOT EXISTS pins (
    asset_id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS removals (
    removal_id TEXT PRIMARY KEY,
    asset_id TEXT NOT NULL,
    at REAL NOT NULL,
    done INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS removals_of_assets ON removals (asset_id, at);
CREATE INDEX IF NOT EXISTS removals_by_age ON removals (at);
CREATE INDEX IF NOT EXISTS open_removals ON removals (at) WHERE done = 0;
CREATE TABLE IF NOT EXISTS edges (
    edge_id TEXT PRIMARY KEY,
    heard_at REAL NOT NULL,
    heartbeat TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holdings (
    edge_id TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS holdings_by_revision
    ON holdings (edge_id, json_extract(record, '$.revision'));
"""

_OTHER_HOLDINGS = """
SELECT holdings.record FROM json_each(?) AS known JOIN holdings ON holdings.edge_id = known.key
WHERE NOT EXISTS (SELECT 1 FROM holdings AS same INDEXED BY holdings_by_revision
    WHERE same.edge_id = known.key AND json_extract(same.record, '$.revision') = known.value)
"""
"""The index has the revisions: what is known already is not even parsed."""


class HoldingsRecord(msgspec.Struct):
    """Holdings, whose packages are not decoded yet."""

    edge_id: str
    revision: str
    packages: list[msgspec.Raw]


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
        # Heartbeats are written every second; packages are written once.
        return cls(*await SqliteFile.open_both(path, _SCHEMA))

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

    async def package(self, asset_id: str, version: str) -> Package | None:
        """See the port."""
        rows = await self._file.read(
            "SELECT record FROM packages WHERE asset_id = ? AND version = ?", (asset_id, version)
        )
        return decode(rows[0][0], Package) if rows else None

    async def packages(self, *, since: float = 0.0) -> AsyncIterator[Sequence[Package]]:
        """See the port."""
        # Those that have no such time are none of this release, which reading them tells.
        if since > 0:
            newer = "SELECT record FROM packages WHERE json_extract(record, '$.published_at') >= ?"
            rows = await self._file.read(newer, (since,))
        else:
            rows = await self._file.read("SELECT record FROM packages")
        for start in range(0, len(rows), AT_ONCE):
            yield [decode(row[0], Package) for row in rows[start : start + AT_ONCE]]

    async def counts(self) -> Counts:
        """See the port."""
        ((packages, pins, removals),) = await self._file.read(
            "SELECT (SELECT number FROM counted WHERE what = 'packages'),"
            " (SELECT coalesce(sum(number), 0) FROM pins), (SELECT count(*) FROM removals)"
        )
        return Counts(packages, pins, removals)

    async def pin(self, pin: Pin) -> Pin:
        """See the port."""
        await self._durable.write(
            "INSERT INTO pins VALUES (?, 1, ?) ON CONFLICT (asset_id)"
            " DO UPDATE SET number = number + 1, record = excluded.record",
            (pin.asset_id, encode_text(pin)),
        )
        rows = await self._durable.read(
            "SELECT number, record FROM pins WHERE asset_id = ?", (pin.asset_id,)
        )
        return _pin(*rows[0])

    async def pins(self) -> tuple[Pin, ...]:
        """See the port."""
        rows = await self._file.read("SELECT number, record FROM pins")
        return tuple(_pin(*row) for row in rows)

    async def add_removal(self, removal: Removal) -> None:
        """See the port."""
        await self._durable.write(
            "INSERT OR IGNORE INTO removals VALUES (?, ?, ?, 0, ?)",
            (removal.removal_id, removal.asset_id, removal.at, encode_text(removal)),
        )

    async def tombstones(self) -> tuple[Tombstone, ...]:
        """See the port."""
        rows = await self._file.read("SELECT record FROM removals")
        return tuple(decode(row[0], Tombstone) for row in rows)

    async def open_removals(self) -> tuple[Removal, ...]:
        """See the port."""
        return await self._removals("SELECT record FROM removals WHERE done = 0 ORDER BY at")

    async def removals(self, *, limit: int) -> tuple[Removal, ...]:
        """See the port."""
        return await self._removals("SELECT record FROM removals ORDER BY at DESC LIMIT ?", limit)

    async def removal(self, removal_id: str) -> Removal | None:
        """See the port."""
        found = await self._removals("SELECT record FROM removals WHERE removal_id = ?", removal_id)
        return next(iter(found), None)

    async def removal_of(self, asset_id: str, versions: Collection[str]) -> Removal | None:
        """See the port."""
        found = await self._removals(
            "SELECT record FROM removals WHERE asset_id = ? AND EXISTS"
            " (SELECT 1 FROM json_each(record, '$.versions') AS named"
            " WHERE named.value IN (SELECT value FROM json_each(?))) ORDER BY at DESC LIMIT 1",
            asset_id,
            encode_text(list(versions)),
        )
        return next(iter(found), None)

    async def _removals(self, select: str, *values: str | int) -> tuple[Removal, ...]:
        rows = await self._file.read(select, values)
        return tuple(decode(row[0], Removal) for row in rows)

    async def confirm_edge(self, removal_id: str, edge_id: str, now: float) -> None:
        """See the port."""
        # json_insert leaves what is there.
        await self._durable.write(
            "UPDATE removals SET record = json_insert(record, ?, ?) WHERE removal_id = ?",
            (f'$.edges."{edge_id}"', now, removal_id),
        )

    async def confirm_origin(self, removal_id: str, deleted: int, emptied_at: float | None) -> None:
        """See the port."""
        await self._durable.write(
            "UPDATE removals SET record = json_set(record,"
            " '$.deleted', json_extract(record, '$.deleted') + ?,"
            " '$.emptied_at', coalesce(json_extract(record, '$.emptied_at'), ?))"
            " WHERE removal_id = ?",
            (deleted, emptied_at, removal_id),
        )

    async def finish_removal(self, removal_id: str, now: float) -> None:
        """See the port."""
        await self._durable.write(
            "UPDATE removals SET done = 1, record = json_set(record, '$.done_at', ?)"
            " WHERE removal_id = ? AND done = 0",
            (now, removal_id),
        )

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

    async def holdings(self, known: Mapping[str, str | None]) -> tuple[Holdings, ...]:
        """See the port."""
        rows = await self._file.read(_OTHER_HOLDINGS, (encode_text(known),))
        return await asyncio.to_thread(lambda: tuple(_holdings(row[0]) for row in rows))

    async def close(self) -> None:
        """See the port."""
        await self._file.close()
        await self._durable.close()


def _pin(number: int, record: str) -> Pin:
    return msgspec.structs.replace(decode(record, Pin), number=number)


def _holdings(record: str) -> Holdings:
    """For a thread. One package after the other: while one is decoded, no other thread runs."""
    told = decode(record, HoldingsRecord)
    packages = tuple(decode(package, HeldPackage) for package in told.packages)
    return Holdings(told.edge_id, told.revision, packages)
