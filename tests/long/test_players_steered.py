"""hls.js and Shaka Player go on in headless Chromium when edges die, hang or are drained."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from ingest.standalone import Made
from tests.e2e.browser import public_key_pin
from tests.long.players.served import served
from tests.long.players.steered import EDGES, TTL, Steered, long_package, steered
from tests.servers.parts import REPOSITORY, program

HELPER = REPOSITORY / "control_plane/dashboard/static/shaka-steering.js"
SMALL: dict[str, dict[str, Any]] = {
    "Hls": {"maxBufferLength": 6, "maxMaxBufferLength": 6},
    "Shaka": {"streaming": {"bufferingGoal": 6}},
}
LONGEST_STALL = 1000
"""Milliseconds."""


@pytest.fixture(scope="module")
def film() -> Made:
    return long_package()


@contextlib.asynccontextmanager
async def page_of(system: Steered, profile: Path, address: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=program("chromium"),
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--autoplay-policy=no-user-gesture-required"),
                f"--ignore-certificate-errors-spki-list={public_key_pin(system.folder / 'server.pem')}",
            ],
        )
        page = context.pages[0]
        if os.environ.get("DEBUG_BROWSER"):
            page.on("console", lambda m: print("console", m.text))
            page.on("pageerror", lambda m: print("pageerror", m))
            page.on("requestfailed", lambda r: print("failed", r.url, r.failure))
        await page.goto(f"{address}/page")
        await page.add_script_tag(content=HELPER.read_text() + "\nwindow.steer = steer;", type="module")
        await page.add_script_tag(path=Path(__file__).parent / "players" / "steered.js")
        yield page
        await context.close()


async def reached(page: Page, time: float) -> None:
    await page.wait_for_function("(time) => Math.min(...times()) > time", arg=time, timeout=25_000)


@pytest.mark.parametrize("player", ["Hls", "Shaka"])
async def test_kill(tmp_path: Path, film: Made, player: str) -> None:
    async with steered(tmp_path, film) as system:
        with served(tmp_path) as pages:
            async with page_of(system, tmp_path / "profile", pages.address) as page:
                best = (await system.ranked())[0]
                print("best", best)
                await page.evaluate(
                    f"([url, settings]) => begin{player}(url, settings)", [system.play, SMALL[player]]
                )
                await reached(page, 6)
                print(await page.evaluate("report()"))
                system.signal(best, signal.SIGKILL)
                await reached(page, 22)
                [told] = await page.evaluate("report()")
                print(told)
                assert told["stall"] <= LONGEST_STALL
