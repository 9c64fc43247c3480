"""The plan in the control plane's SQLite file, for one machine.

Each write is one statement, and so all or nothing; it looks itself whether its token is in force.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from common.messages import encode_text
from common.service.sqlite import SqliteFile
from control_plane.planning.port import Decided, Demand, LeaseLost, PlanRow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS planner (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    token INTEGER NOT NULL,
    holder TEXT,
    pid INTEGER NOT NULL,
    at REAL NOT NULL,
    seconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS plan (
    asset_id TEXT PRIMARY KEY,
    edges TEXT NOT NULL,
    revision INTEGER NOT NULL,
    token INTEGER NOT NULL,
    urgent INTEGER NOT NULL,
    priority REAL NOT NULL,
    lost TEXT NOT NULL,
    told INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS plan_by_revision ON plan (revision);
CREATE TABLE IF NOT EXISTS demand (
    asset_id TEXT NOT NULL,
    region TEXT NOT NULL,
    era INTEGER NOT NULL,
    total REAL NOT NULL,
    PRIMARY KEY (asset_id, region, era)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS demand_by_total ON demand (era, total);
"""

_NOW = "(julianday('now') - 2440587.5) * 86400.0"
"""POSIX seconds; unixepoch('subsec') needs a newer SQLite."""

_ACQUIRE = f"""
INSERT INTO planner VALUES (1, 1, :holder, :pid, {_NOW}, :seconds) ON CONFLICT (one) DO UPDATE SET
    token = token + (holder IS NOT excluded.holder), holder = excluded.holder,
    pid = excluded.pid, at = excluded.at, seconds = excluded.seconds
WHERE holder IS NULL OR holder IN (excluded.holder, :dead) OR abs(excluded.at - at) >= seconds
"""  # noqa: S608 - the only thing put in is a constant of this module

_COMMIT = """
INSERT INTO plan
SELECT value ->> 0, value -> 1, (SELECT coalesce(max(revision), 0) + 1 FROM plan), :token,
    value ->> 2, value ->> 3, value -> 4, value ->> 5
FROM json_each(:rows) WHERE EXISTS (SELECT 1 FROM planner WHERE token = :token)
ON CONFLICT (asset_id) DO UPDATE SET edges = excluded.edges, revision = excluded.revision,
    token = excluded.token, urgent = excluded.urgent, priority = excluded.priority,
    lost = excluded.lost, told = excluded.told
"""

_ADD = """
INSERT INTO demand SELECT value ->> 0, value ->> 1, :era, value ->> 2 FROM json_each(:amounts)
WHERE true ON CONFLICT DO UPDATE SET total = total + excluded.total
"""


class SqlitePlanStore:
    """The adapter for one machine."""

    def __init__(self, file: SqliteFile, durable: SqliteFile) -> None:
        self._file = file
        self._durable = durable

    @classmethod
    async def open(cls, path: Path) -> "SqlitePlanStore":
        """The plan in the file ``path``, made when it is missing.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        # A revision that an edge was told must not be given again to something else; of demand,
        # the last seconds may be lost.
        return cls(*await SqliteFile.open_both(path, _SCHEMA))

    async def acquire(self, holder: str, seconds: float) -> int | None:
        """See the port. Of a process of this machine that has died, nobody waits for the lease."""
        found = await self._durable.read("SELECT holder, pid FROM planner")
        dead = next((name for name, pid in found if not _lives(pid)), None)
        values = {"holder": holder, "pid": os.getpid(), "seconds": seconds, "dead": dead}
        await self._durable.write(_ACQUIRE, values)
        rows = await self._durable.read("SELECT token FROM planner WHERE holder = ?", (holder,))
        return int(rows[0][0]) if rows else None

    async def release(self, token: int) -> None:
        """See the port."""
        await self._durable.write("UPDATE planner SET holder = NULL WHERE token = ?", (token,))

    async def commit(self, token: int, rows: Sequence[Decided]) -> int:
        """See the port."""
        told = [
            (row.asset_id, row.edges, row.urgent, row.priority, row.lost, row.told) for row in rows
        ]
        if told:
            await self._durable.write(_COMMIT, {"token": token, "rows": encode_text(told)})
        found = await self._durable.read(
            "SELECT (SELECT coalesce(max(revision), 0) FROM plan) FROM planner WHERE token = ?",
            (token,),
        )
        if not found:
            raise LeaseLost
        return int(found[0][0])

    async def head(self) -> int:
        """See the port."""
        ((head,),) = await self._file.read("SELECT coalesce(max(revision), 0) FROM plan")
        return int(head)

    async def rows(self, since: int) -> tuple[PlanRow, ...]:
        """See the port."""
        found = await self._file.read(
            "SELECT asset_id, edges, revision, urgent, priority, lost, told FROM plan"
            " WHERE revision > ?",
            (since,),
        )
        edges = msgspec.json.Decoder(tuple[str, ...])
        return tuple(
            PlanRow(
                asset_id,
                edges.decode(names),
                revision,
                bool(urgent),
                priority,
                edges.decode(lost),
                told,
            )
            for asset_id, names, revision, urgent, priority, lost, told in found
        )

    async def add_demand(self, amounts: Iterable[tuple[str, str, float]], era: int = 0) -> None:
        """See the port."""
        await self._file.write(_ADD, {"era": era, "amounts": encode_text(list(amounts))})

    async def demand(self) -> tuple[Demand, ...]:
        """See the port."""
        found = await self._file.read("SELECT asset_id, region, era, total FROM demand")
        return await asyncio.to_thread(lambda: tuple(Demand(*row) for row in found))

    async def most_demanded(self, limit: int) -> tuple[Demand, ...]:
        """See the port."""
        found = await self._file.read(
            "SELECT asset_id, region, era, total FROM demand ORDER BY era DESC, total DESC LIMIT ?",
            (limit,),
        )
        return tuple(Demand(*row) for row in found)

    async def forget_demand(self, before: int) -> None:
        """See the port."""
        await self._file.write("DELETE FROM demand WHERE era < ?", (before,))

    async def close(self) -> None:
        """See the port."""
        await self._file.close()
        await self._durable.close()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
