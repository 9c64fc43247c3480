"""hls.js and Shaka Player play on in headless Chromium when edges die, hang, or are drained."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, async_playwright

from ingest.standalone import Made
from tests.e2e.browser import public_key_pin
from tests.long.players.served import served
from tests.long.players.steered import EDGES, TTL, Steered, long_package, steered
from tests.servers.parts import REPOSITORY, program

PLAYERS = ["Hls", "Shaka"]
SMALL: dict[str, dict[str, Any]] = {
    "Hls": {"maxBufferLength": 6, "maxMaxBufferLength": 6},
    "Shaka": {"streaming": {"bufferingGoal": 6}},
}
"""Settings with which a player buffers 6 seconds and no more, and all else is as it comes."""
PATIENT = {"maxTimeToFirstByteMs": 4000, "maxLoadTimeMs": 20000}
ERRORS = {"maxNumRetry": 2, "retryDelayMs": 500, "maxRetryDelayMs": 2000}
FIRM: dict[str, dict[str, Any]] = {
    "Hls": {
        policy: {"default": {**PATIENT, "timeoutRetry": None, "errorRetry": ERRORS}}
        for policy in ("fragLoadPolicy", "playlistLoadPolicy")
    },
    "Shaka": {
        "streaming": {
            "bufferingGoal": 30,
            "retryParameters": {
                "maxAttempts": 4,
                "baseDelay": 100,
                "connectionTimeout": 3000,
                "stallTimeout": 3000,
            },
        }
    },
}
"""What the README advises, for edges that hang."""
SESSION = "0f9e4f4e-7c3e-4b44-9a51-2f4b5f0d6a11"
"""What a player calls its playback."""
LONGEST_STALL = 1000
"""Milliseconds."""
ON_ITS_WAY = 1.0
"""Seconds in which a request that a player has decided on comes to an edge."""


@pytest.fixture(scope="module")
def film() -> Made:
    return long_package()


@contextlib.asynccontextmanager
async def page_of(folder: Path) -> AsyncIterator[Page]:
    """A page with both players on it, which trusts the system in ``folder``."""
    pin = public_key_pin(folder / "server.pem")
    with served(folder) as pages:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                str(folder / "profile"),
                executable_path=program("chromium"),
                args=[
                    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                    *("--disable-background-networking", "--disable-sync"),
                    *("--disable-component-update", "--autoplay-policy=no-user-gesture-required"),
                    f"--ignore-certificate-errors-spki-list={pin}",
                ],
            )
            page = context.pages[0]
            await page.goto(f"{pages.address}/page")
            await page.add_script_tag(content=shaka_steering(), type="module")
            await page.add_script_tag(path=Path(__file__).parent / "players" / "steered.js")
            yield page
            await context.close()


def shaka_steering() -> str:
    """The module that pages with Shaka Player import, for a page that has no modules."""
    module = REPOSITORY / "control_plane/dashboard/static/pathways.js"
    return f"{module.read_text()}\nwindow.steer = steer;"


async def begin(page: Page, player: str, system: Steered, settings: dict[str, Any]) -> None:
    call = f"([url, settings]) => begin{player}(url, settings)"
    await page.evaluate(call, [system.play, settings])


async def reached(page: Page, time: float) -> None:
    """Waits until all players have played so much."""
    call = "(time) => Math.min(...times()) > time"
    await page.wait_for_function(call, arg=time, timeout=90_000)


async def report(page: Page) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = await page.evaluate("report()")
    return told


def host(system: Steered, told: dict[str, Any]) -> str:
    """The edge that a player had its last segment from."""
    names = {address: name for name, address in EDGES.items()}
    return names[told["hosts"][-1]]


def assert_fluent(what: str, player: str, told: dict[str, Any]) -> None:
    """The player has hardly stood still."""
    print(f"{what}, {player}: longest stall {told['stall']:.0f} ms")
    assert told["failed"] is None
    assert not [details for details, fatal in told["errors"] if fatal]
    assert told["stall"] <= LONGEST_STALL


@pytest.mark.parametrize("player", PLAYERS)
async def test_a_player_goes_on_when_its_edge_is_killed_at_the_start_and_the_next_in_mid_play(
    tmp_path: Path, film: Made, player: str
) -> None:
    async with steered(tmp_path, film) as system, page_of(tmp_path) as page:
        await begin(page, player, system, SMALL[player])
        await reached(page, 0.2)
        [told] = await report(page)
        first = host(system, told)
        system.signal(first, signal.SIGKILL)
        await reached(page, 12)
        [told] = await report(page)
        second = host(system, told)
        system.signal(second, signal.SIGKILL)
        await reached(page, 26)
        [told] = await report(page)

    assert_fluent("kill -9", player, told)
    assert len({first, second, host(system, told)}) == 3


@pytest.mark.parametrize(
    ("player", "settings", "bind"),
    [
        ("Hls", SMALL["Hls"] | {"cmcd": {"sessionId": SESSION}}, "session"),
        ("Hls", SMALL["Hls"], "none"),
        ("Shaka", SMALL["Shaka"], "none"),
        # In URLs, CMCD makes Shaka Player give up pathways that are well.
        (
            "Shaka",
            SMALL["Shaka"] | {"cmcd": {"enabled": True, "sessionId": SESSION, "useHeaders": True}},
            "session",
        ),
    ],
)
async def test_a_player_keeps_its_token_when_its_edge_is_killed(
    tmp_path: Path, film: Made, player: str, settings: dict[str, Any], bind: str
) -> None:
    async with steered(tmp_path, film, bind) as system, page_of(tmp_path) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await begin(page, player, system, settings)
        await reached(page, 3)
        [told] = await report(page)
        first = host(system, told)
        system.signal(first, signal.SIGKILL)
        await reached(page, 20)
        [told] = await report(page)

    assert_fluent(f"kill -9 with tokens bound to {bind}", player, told)
    assert host(system, told) != first
    edges = set(EDGES.values())
    paths = [urlsplit(url).path for url in asked if urlsplit(url).hostname in edges]
    assert {path.split("/")[1] for path in paths} == {"t"}
    assert len({path.split("/")[2] for path in paths}) == 1


async def test_players_go_on_when_their_edge_hangs(tmp_path: Path, film: Made) -> None:
    async with steered(tmp_path, film) as system, page_of(tmp_path) as page:
        for player in PLAYERS:
            await begin(page, player, system, FIRM[player])
        await reached(page, 2)
        served_by = {host(system, told) for told in await report(page)}
        for edge in served_by:
            system.signal(edge, signal.SIGSTOP)
        await reached(page, 45)
        after = await report(page)

    for player, told in zip(PLAYERS, after, strict=True):
        assert_fluent("SIGSTOP", player, told)
        assert host(system, told) not in served_by


async def test_all_sessions_have_left_a_drained_edge_after_one_ttl(
    tmp_path: Path, film: Made
) -> None:
    async with steered(tmp_path, film) as system, page_of(tmp_path) as page:
        for player in (*PLAYERS, *PLAYERS):
            await begin(page, player, system, SMALL[player])
        await reached(page, 6)
        [edge] = {host(system, told) for told in await report(page)}
        await system.order(edge, "draining")
        await asyncio.sleep(TTL + ON_ITS_WAY)
        asked = len(system.asked(edge))
        before = await report(page)
        await reached(page, 24)
        assert len(system.asked(edge)) == asked
        after = await report(page)

    for player, told, earlier in zip((*PLAYERS, *PLAYERS), after, before, strict=True):
        assert_fluent("draining", player, told)
        assert EDGES[edge] not in told["hosts"][len(earlier["hosts"]) :]
        assert len(told["hosts"]) > len(earlier["hosts"])
