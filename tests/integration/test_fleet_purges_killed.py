"""Purges while edge and control plane are killed: each is carried out, once and in order."""

import asyncio
import random
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from common.messages import OrderedPurges, Orders, PurgeScope, encode
from edge.store.index import Index
from tests.integration.edge_service import (
    Control,
    edge,
    edge_settings,
    placed,
    publish,
    serving,
    until,
)
from tests.integration.edge_service import Origin as FilledOrigin
from tests.integration.fleet_service import Fleet, running_fleet
from tests.integration.proxy_service import Viewer
from tests.integration.purges_service import Operator
from tests.integration.test_edge_filling import PACKAGE, whole
from tests.integration.test_edge_workers import eventually
from tests.servers.processes import free_ports


def noted(cache: Path) -> tuple[int, list[str]]:
    """How far the log is followed in a cache folder, and what was noted."""
    index = Index(cache / "index")
    try:
        return index.purges.followed(), [each.value for each in index.purges.read(0, -1).purges]
    finally:
        asyncio.run(index.close())


async def storm(operator: Operator, names: list[str]) -> None:
    """Asks for purges until it is cancelled; what was taken goes to ``names``, by its number."""
    while True:
        name = f"v/n/1/{len(names)}-{random.randrange(10**9)}"
        try:
            status, view = await operator.ask(url=f"/{name}")
        except (aiohttp.ClientError, OSError):
            # The control plane was killed: it may have been taken or not.
            await asyncio.sleep(0.05)
            continue
        assert status == 202, view
        assert (view["value"], view["sequence"] > len(names)) == (name, True)
        names += [""] * (view["sequence"] - 1 - len(names))
        names.append(name)


@pytest.mark.parametrize("victim", ["edge", "control"])
async def test_purges_are_carried_out_once_and_in_order_whoever_is_killed(
    tmp_path: Path, victim: str
) -> None:
    async with running_fleet(tmp_path) as fleet:
        operator = Operator(fleet.operator.talk)
        names: list[str] = []
        storming = asyncio.create_task(storm(operator, names))
        for turn in range(3):
            await until(partial(taken, names, len(names) + 10 + 15 * turn), within=60)
            role = getattr(fleet, victim)
            await role.kill()
            await role.start()
        storming.cancel()
        await asyncio.gather(storming, return_exceptions=True)
        view = await last_purge(fleet)
        names += [""] * (view["sequence"] - 1 - len(names))

        await fleet.edge.kill()
        followed, values = await asyncio.to_thread(noted, fleet.cache)

    assert followed == view["sequence"] == len(values)
    assert values[-1] == "v/a/"
    assert [value for value, name in zip(values, names, strict=False) if name] == [
        name for name in names if name
    ]


def taken(names: list[str], count: int) -> bool:
    return len(names) >= count


async def last_purge(fleet: Fleet) -> dict[str, Any]:
    """One more purge, once the edge has carried it out."""
    operator = Operator(fleet.operator.talk)
    view = await operator.purge(asset_id="a")

    async def confirmed() -> bool:
        return await operator.states(view["purge_id"]) == {"eu-1": "confirmed"}

    await eventually(confirmed)
    return view


async def test_what_a_hard_purge_took_of_a_placed_version_is_filled_anew(tmp_path: Path) -> None:
    origin_port, control_port = free_ports(2)
    origin, control = FilledOrigin(port=origin_port), Control(port=control_port)
    async with (
        serving(origin.answer, origin_port),
        serving(control.answer, control_port),
    ):
        control.want(publish(origin, "1", PACKAGE))
        async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
            await until(lambda: whole(control))
            every = sorted(origin.asked)
            origin.asked.clear()

            control.purge("v/a/", PurgeScope.PREFIX, soft=True)
            control.purge("v/a/1/720p/", PurgeScope.PREFIX)

            taken = [path for path in every if path.startswith("/v/a/1/720p/")]
            await until(lambda: sorted(origin.asked) == taken, within=30)
            await until(lambda: whole(control))


async def test_an_edge_serves_nothing_before_it_has_caught_up_however_long_that_takes(
    tmp_path: Path,
) -> None:
    origin_port, control_port = free_ports(2)
    origin, control = FilledOrigin(port=origin_port), Control(port=control_port)
    for number in range(7):
        control.purge(f"v/n/1/{number}")
    control.purge("v/a/", PurgeScope.PREFIX)

    async def slowly(request: web.Request) -> web.StreamResponse:
        """One purge at a time: together they take longer than the edge waits for an answer."""
        since = int(request.query["purges"])
        purges = control.purges[since : since + 1]
        await asyncio.sleep(0.4)
        return web.Response(body=encode(Orders(purges=OrderedPurges(since, 8, purges))))

    async with (
        serving(origin.answer, origin_port),
        serving(control.answer, control_port),
    ):
        publish(origin, "1", PACKAGE)
        settings = edge_settings(tmp_path, origin.url, **placed(control))
        path = "/v/a/1/720p/c0/00000.m4s"
        control.purges, told = (), control.purges
        async with edge(settings):
            while not (await Viewer(settings.listen.port).get(path)).cache.startswith("hit"):
                pass
        control.purges = told
        control.scripts["orders"] = slowly
        origin.asked.clear()

        async with edge(settings):
            got = await Viewer(settings.listen.port).get(path)

    assert (got.status, origin.asked) == (200, [path])
