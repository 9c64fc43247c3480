"""What tests of the plan say to its store."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from pymongo import AsyncMongoClient

from common.service import DatabaseSettings
from common.service.sqlite import SqliteFile
from control_plane.planning import PlanRow, PlanStore

LONG = 3600.0
SHORT = 0.2
"""Seconds."""


def decided(*assets: str, edges: Iterable[str] = ("eu-1", "us-1"), **changes: Any) -> list[PlanRow]:
    given: dict[str, Any] = {"revision": 0, "urgent": False, "priority": 0.25, "lost": ("eu-9",)}
    given["told"] = 3
    return [PlanRow(asset, tuple(edges), **{**given, **changes}) for asset in assets]


def at(revision: int, rows: Iterable[PlanRow]) -> list[PlanRow]:
    return [msgspec.structs.replace(row, revision=revision) for row in rows]


async def read(store: PlanStore, since: int = 0) -> list[PlanRow]:
    return sorted(await store.rows(since), key=lambda row: row.asset_id)


async def taken(store: PlanStore, holder: str = "one", seconds: float = LONG) -> int:
    token = await store.acquire(holder, seconds)
    assert token is not None
    return token


async def eventually(look: Callable[[], Awaitable[int | None]]) -> int:
    async with asyncio.timeout(30):
        while (found := await look()) is None:  # noqa: ASYNC110 - the lease ends by itself
            await asyncio.sleep(0.05)
    return found


async def shift_lease(settings: DatabaseSettings, seconds: float) -> None:
    """Has the lease be taken so many seconds later, as when the database's clock is set back."""
    if settings.sqlite is None:
        async with AsyncMongoClient[dict[str, Any]](settings.mongodb) as client:
            shifted = {"$add": ["$at", seconds * 1000]}
            await client[settings.name]["planner"].update_many({}, [{"$set": {"at": shifted}}])
    else:
        file = await SqliteFile.open(settings.sqlite, "", synchronous="FULL")
        await file.write("UPDATE planner SET at = at + ?", (seconds,))
        await file.close()
