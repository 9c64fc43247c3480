"""Real edges that are killed, stopped, misnamed, refused and drained, and where viewers go."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from common.messages import EdgeState, EdgeView, PurgeView, decode
from tests.faults.fleet import Edge, Fleet, bearer, fleet, token, until

ASSETS = tuple(f"film-{number}" for number in range(6))
STAYS = 20
"""Looks for which what came about has to stay."""
SILENCE = 6.0
"""Seconds: more than by default, as an edge that waits for a core while other tests run is not to
fall, and would warm up for a minute."""
LARGE = 8_000_000
"""Bytes of a segment: more than lies in the buffers between an edge and its viewer."""


async def filled(here: Fleet, assets: Sequence[str] = ASSETS) -> None:
    """Publishes ``assets``, and waits until all edges hold them and take all their viewers."""
    for asset in assets:
        await here.announce(await here.put(asset))

    async def settled() -> bool:
        edges = (await here.views()).values()
        return len(edges) == len(here.edges) and all(
            edge.packages_held == len(assets) and edge.share == 1 for edge in edges
        )

    await until(settled)


async def sends(here: Fleet, region: str, *edges: str | None) -> bool:
    """Whether just these edges get the viewers of a region."""
    return await here.taking(region, ASSETS) == {*edges}


async def stays(here: Fleet, region: str, *edges: str | None) -> None:
    """Looks for a while that just these edges get them."""
    for _ in range(STAYS):
        assert await here.taking(region, ASSETS) == {*edges}
        await asyncio.sleep(0.05)


async def test_a_killed_edge_gets_no_viewers_any_more(tmp_path: Path) -> None:
    async with fleet(tmp_path, ["eu-1", "eu-2"], heartbeat_timeout=SILENCE) as here:
        await filled(here)
        assert await sends(here, "eu", "eu-1", "eu-2")
        await here.edges["eu-1"].role.kill()
        await until(partial(sends, here, "eu", "eu-2"))
        await stays(here, "eu", "eu-2")
        assert (await here.views())["eu-1"].state is EdgeState.DOWN


async def test_viewers_go_to_the_next_region_then_nowhere_and_then_to_whoever_is_back(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, ["eu-1", "eu-2", "us-1"], heartbeat_timeout=SILENCE) as here:
        await filled(here)
        await asyncio.gather(*(here.edges[name].role.kill() for name in ("eu-1", "eu-2")))
        await until(partial(sends, here, "eu", "us-1"))
        await here.edges["us-1"].role.kill()
        await until(partial(sends, here, "eu", None))
        await stays(here, "us", None)
        await here.edges["eu-2"].role.start()
        for region in ("eu", "us"):
            await until(partial(sends, here, region, "eu-2"))
        assert await here.status(f"{here.edges['eu-2'].url}/v/{ASSETS[0]}/1/main.m3u8") == 200


async def test_an_edge_that_stood_still_does_what_was_purged_before_it_slowly_comes_back(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, ["eu-1", "eu-2"], heartbeat_timeout=SILENCE) as here:
        await filled(here)
        here.edges["eu-1"].role.signal(signal.SIGSTOP)
        await until(partial(sends, here, "eu", "eu-2"))
        purge = await purged(here, f"/v/{ASSETS[0]}/1/00000.m4s")
        assert (await here.views())["eu-1"].purges < purge.sequence
        here.edges["eu-1"].role.signal(signal.SIGCONT)

        async def back() -> EdgeView | None:
            told = (await here.views())["eu-1"]
            assert told.share == 0 or told.purges >= purge.sequence
            return told if told.share > 0 else None

        assert (first := await until(back)).share < 0.9, first
        await until(partial(sends, here, "eu", "eu-1", "eu-2"))


async def purged(here: Fleet, path: str) -> PurgeView:
    """A purge that all edges but those that are away have carried out."""
    url, asked = f"{here.url}/v1/purges?wait=20", {"url": path, "soft": False}
    async with here.session.post(url, json=asked, headers=bearer("operator")) as answer:
        assert answer.status == 202, await answer.text()
        return decode(await answer.read(), PurgeView)


async def test_a_second_edge_of_a_name_is_told_so_and_the_first_serves_on(tmp_path: Path) -> None:
    async with fleet(tmp_path, ["eu-1"], heartbeat_timeout=SILENCE) as here:
        await filled(here)
        first, second = here.edges["eu-1"], here.add_edge("eu-1", folder="second")
        await second.role.start()
        assert await until(partial(reason, here, second)) == (
            "The control plane refuses this edge (409): Another edge reports as eu-1, from "
            f"{first.url}: give this one a name and credential of its own, or end the other."
        )
        assert await here.readiness(first) == {}
        await stays(here, "eu", "eu-1")
        await here.announce(await here.put("another"))
        await until(partial(holds, here, "eu-1", len(ASSETS) + 1))


async def reason(here: Fleet, edge: Edge) -> str | None:
    """Why an edge says that it is not ready, as far as its control plane is the reason."""
    return (await here.readiness(edge)).get("control")


async def holds(here: Fleet, name: str, packages: int) -> bool:
    """Whether an edge holds so many packages whole."""
    return (await here.views())[name].packages_held == packages


async def test_an_edge_whose_credential_expired_says_so_and_serves_what_it_has(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, ["eu-1"], heartbeat_timeout=SILENCE) as here:
        await filled(here)
        edge, origin = here.edges["eu-1"], here.roles[0]
        expired = {"eu-1": {"expires_at": "2020-01-01T00:00:00Z"}}
        await here.restart_control(**expired)
        assert "expired" in await until(partial(reason, here, edge))
        await origin.kill()
        for asset in ASSETS:
            for name in ("main.m3u8", "manifest.json", "00000.m4s", "00003.m4s"):
                assert await here.status(f"{edge.url}/v/{asset}/1/{name}") == 200
        await here.restart_control()
        await until(partial(ready, here, edge))
        await until(partial(sends, here, "eu", "eu-1"))


async def ready(here: Fleet, edge: Edge) -> bool:
    """Whether an edge says that nothing is wrong with it."""
    return await here.readiness(edge) == {}


async def test_a_drained_edge_gets_no_new_viewers_and_finishes_what_it_has_begun(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, ["eu-1", "eu-2"], heartbeat_timeout=SILENCE) as here:
        await filled(here)
        large = await here.put("large", segments=1, size=LARGE)
        await here.announce(large)
        for name in here.edges:
            await until(partial(holds, here, name, len(ASSETS) + 1))
        base = f"{here.edges['eu-1'].url}/v/large/1"
        async with here.session.get(f"{base}/00000.m4s") as watching:
            assert await ordered(here, "drain", "eu-1") == (
                "eu-1 gets no new viewers from now on; those that it has stay.\n"
            )
            await until(partial(sends, here, "eu", "eu-2"))
            await stays(here, "eu", "eu-2")
            assert (await here.views())["eu-1"].state is EdgeState.DRAINING
            assert len(await watching.read()) == watching.content_length
        assert await here.status(f"{base}/main.m3u8") == 200
        await ordered(here, "serve", "eu-1")
        await until(partial(sends, here, "eu", "eu-1", "eu-2"))


async def ordered(here: Fleet, *arguments: str) -> str:
    """What ``nearcast edges`` prints, as an operator runs it."""
    command = [sys.executable, "-m", "deploy", "edges", *arguments]
    running = await asyncio.create_subprocess_exec(
        *(*command, "--control", here.url, "--token", token("operator")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, trouble = await running.communicate()
    assert running.returncode == 0, trouble.decode()
    return printed.decode()
