"""Control planes whose database goes back to an older copy of itself while they run."""

import asyncio
import contextlib
import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from common.service import DatabaseSettings
from tests.integration.control_service import Talk, control_plane, control_settings

PLAN = ("plan", "planner")


@pytest.fixture(params=["sqlite", "mongodb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "control.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"restored_{uuid.uuid4().hex}")


Rows = dict[str, list[Any]]


async def copy(database: DatabaseSettings) -> Rows:
    """What the plan consists of."""
    if database.sqlite is None:
        async with AsyncMongoClient[dict[str, Any]](database.mongodb) as client:
            kept = client[database.name]
            return {name: await kept[name].find().to_list() for name in PLAN}
    with contextlib.closing(sqlite3.connect(database.sqlite)) as file:
        return {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in PLAN}


async def restore(database: DatabaseSettings, rows: Rows) -> None:
    """Has the plan be what it was when ``rows`` were copied."""
    if database.sqlite is None:
        async with AsyncMongoClient[dict[str, Any]](database.mongodb) as client:
            for name, documents in rows.items():
                await client[database.name][name].delete_many({})
                if documents:
                    await client[database.name][name].insert_many(documents)
        return
    with contextlib.closing(sqlite3.connect(database.sqlite)) as file, file:
        for name, found in rows.items():
            file.execute(f"DELETE FROM {name}")
            for row in found:
                places = ", ".join("?" * len(row))
                file.execute(f"INSERT INTO {name} VALUES ({places})", row)


class Edge:
    """Follows what it should hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.revision = self.neighbours = 0
        self.held: set[str] = set()
        self.whole = 0
        """How often it was told everything."""

    async def follow(self, talk: Talk) -> None:
        known = {"desired": self.revision, "neighbours": self.neighbours}
        orders = await talk.orders(self.name, wait=1, **known)
        if orders["neighbours"] is not None:
            self.neighbours = orders["neighbours"]["revision"]
        told = orders["desired"]
        if told is None:
            return
        if told["since"] == 0:
            self.whole += 1
            self.held.clear()
        else:
            assert told["since"] == self.revision
        self.held -= {name["asset_id"] for name in told["dropped"]}
        self.held |= {package["asset_id"] for package in told["packages"]}
        self.revision = told["revision"]

    async def until_it_holds(self, talk: Talk, *assets: str) -> None:
        async with asyncio.timeout(30):
            while self.held != set(assets):
                await self.follow(talk)


@asynccontextmanager
async def two(folder: Path, database: DatabaseSettings) -> AsyncIterator[list[Talk]]:
    """Two control planes over one database, one of which plans."""
    settings = [
        control_settings(folder, geoip=(), heartbeat_timeout=600.0, database=database)
        for _ in range(2)
    ]
    async with control_plane(settings[0]) as one, control_plane(settings[1]) as other:
        for talk in (one, other):
            await talk.beat("eu-1")
            await talk.beat("eu-2")
        yield [one, other]


@pytest.mark.parametrize("lost", ["some", "all"])
async def test_edges_at_every_control_plane_are_told_the_plan_that_is_made_anew(
    tmp_path: Path, database: DatabaseSettings, lost: str
) -> None:
    edges = [Edge("eu-1"), Edge("eu-2")]
    async with two(tmp_path, database) as talks:
        await talks[0].publish("a")
        for edge, talk in zip(edges, talks, strict=True):
            await edge.until_it_holds(talk, "a")
        older = await copy(database)
        for assets in ("ab", "abc"):
            await talks[1].publish(assets[-1])
            for edge, talk in zip(edges, talks, strict=True):
                await edge.until_it_holds(talk, *assets)
        for edge in edges:
            edge.whole = 0
        await restore(database, older if lost == "some" else {name: [] for name in PLAN})

        for edge, talk in zip(edges, talks, strict=True):
            async with asyncio.timeout(30):
                while not edge.whole:
                    await edge.follow(talk)
            await edge.until_it_holds(talk, *"abc")
        await talks[0].publish("d")
        for edge, talk in zip(edges, talks, strict=True):
            await edge.until_it_holds(talk, *"abcd")
