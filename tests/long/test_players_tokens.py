"""The page's player plays from edges that ask for tokens, whatever they are bound to."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright

from common.messages import encode
from tests.integration.edge_service import Origin, publish, scripted
from tests.integration.hls_package import make
from tests.integration.test_edge_workers import eventually
from tests.integration.test_tokens_end_to_end import NEW, service
from tests.servers.parts import program
from tests.unit.control_plane.records import announcement

FLAGS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")


def film(folder: Path, origin: Origin) -> Any:
    """Puts a film into the origin; its announcement."""
    made = make(folder)
    objects = {
        str(path.relative_to(made)): path.read_bytes() for path in made.rglob("*") if path.is_file()
    }
    package = publish(origin, "1", objects, "film")
    return announcement(
        "film",
        manifest_sha256=package.manifest_sha256,
        bytes=package.bytes,
        object_count=len(objects),
        duration=16.0,
    )


@pytest.mark.parametrize(
    "tokens", [{"bind": "none"}, {"bind": "address"}, {"bind": "session"}, {"format": "cat"}]
)
async def test_the_page_plays_with_tokens(tmp_path: Path, tokens: dict[str, str]) -> None:
    async with (
        scripted(Origin) as origin,
        service(tmp_path, origin, NEW, **tokens) as one,
        one.edge(NEW) as edge,
        async_playwright() as playwright,
    ):
        told = encode(await asyncio.to_thread(film, tmp_path / "film", origin))
        status, body, _ = await one.talk.call("POST", "/v1/packages", "ingest", data=told)
        assert status == 201, body
        await one.until_routed()
        browser = await playwright.chromium.launch(
            executable_path=program("chromium"), args=list(FLAGS)
        )
        page = await browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"http://127.0.0.1:{one.port}/")
        await page.click("button.play")

        async def plays() -> bool:
            return bool(await page.evaluate("document.querySelector('video').currentTime > 3"))

        await eventually(plays)
        await browser.close()

    paths = [urlsplit(each) for each in asked if each.startswith(edge)]
    assert len(paths) > 8
    assert all(path.path.startswith("/t/") for path in paths)
    assert len({path.path.split("/")[2] for path in paths}) == 1
    # The redirect to the multivariant playlist keeps what a token needs, and nothing else.
    silent = [path.path for path in paths if "sid%3D%22" not in path.query]
    assert [path.rpartition("/")[2] for path in silent] in (
        [[]] if tokens.get("bind") == "session" else [["main.m3u8"]]
    )
