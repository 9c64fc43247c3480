"""Publishing and purging at both control planes all the time, and whether what was acknowledged is
there afterwards."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from common.messages import encode
from tests.faults.control_planes import EDGES, Fleet
from tests.faults.meanwhile import meanwhile
from tests.integration.control_service import Talk
from tests.unit.control_plane.records import announcement

NUMBERS = itertools.count()


@dataclass
class Acknowledged:
    """What was answered with success."""

    assets: list[str] = field(default_factory=list)
    purges: dict[str, int] = field(default_factory=dict)
    """By name, the number."""


@contextlib.asynccontextmanager
async def writing(edges: Fleet) -> AsyncIterator[Acknowledged]:
    """Publishes and purges at both control planes while the block runs."""
    done = Acknowledged()

    async def write(talk: Talk) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await write_one(talk, done)
            await asyncio.sleep(0.2)

    async with meanwhile(map(write, edges.talks.values())):
        yield done


async def write_one(talk: Talk, done: Acknowledged) -> None:
    """Publishes an asset and purges it."""
    asset = f"asset-{next(NUMBERS)}"
    status, _, _ = await talk.call(
        "POST", "/v1/packages", "ingest", data=encode(announcement(asset))
    )
    if status == 201:
        done.assets.append(asset)
    status, body, _ = await talk.call(
        "POST", "/v1/purges", "operator", json={"asset_id": asset, "soft": True}
    )
    if status in {200, 201, 202}:
        done.purges[body["purge_id"]] = body["sequence"]


async def alike(edges: Fleet, done: Acknowledged) -> None:
    """Waits until both control planes know everything that was acknowledged, and the same."""
    assert len(done.assets) > 5
    assert len(done.purges) > 5
    assert len(set(done.purges.values())) == len(done.purges), "every purge has its own number"
    for name, talk in edges.talks.items():
        for asset in done.assets:
            await edges.until(partial(edges.placed, name, asset))
        for purge_id, number in done.purges.items():
            status, body, _ = await talk.call("GET", f"/v1/purges/{purge_id}", "operator")
            assert (status, body["sequence"]) == (200, number)

    told = [await plan(talk) for talk in edges.talks.values()]
    assert told[0] == told[1]


async def plan(talk: Talk) -> dict[str, tuple[int, list[str]]]:
    """By edge, the revision of what a control plane tells it to hold, and the assets of that."""
    found = {}
    for edge in EDGES:
        desired = (await talk.orders(edge, desired=0))["desired"]
        assets = sorted(package["asset_id"] for package in desired["packages"])
        found[edge] = desired["revision"], assets
    return found


async def away(edges: Fleet, name: str, what: str) -> bool:
    """Whether a control plane says that it has to do without something."""
    return what in await edges.readiness(name)


async def more_than(done: Acknowledged, count: int) -> bool:
    """Whether more assets than that were published."""
    return len(done.assets) > count


@contextlib.asynccontextmanager
async def routing(edges: Fleet, asset: str) -> AsyncIterator[None]:
    """Viewers of an asset at both control planes while the block runs: all are sent to an edge."""
    sent: dict[str, int] = dict.fromkeys(edges.talks, 0)
    wrong: list[str] = []

    async def route(name: str, talk: Talk) -> None:
        while True:
            status, _, fields = await talk.call("GET", f"/play/{asset}")
            edge = fields.get("Location", "").removeprefix("https://").partition(".")[0]
            if status != 302 or edge not in EDGES:
                wrong.append(f"{name} answers {status}: {edge}")
            sent[name] += 1
            await asyncio.sleep(0.05)

    async with meanwhile(route(name, talk) for name, talk in edges.talks.items()):
        yield
    assert wrong == []
    assert min(sent.values()) > 10
