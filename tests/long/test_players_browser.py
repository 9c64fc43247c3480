"""Packages in headless Chromium, played by hls.js and by Shaka Player."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from ingest.package import PICTURES_FOLDER, STORYBOARD_NAME, part_name
from ingest.standalone import Made
from tests.integration.scenes import BLUE, GRAY, GREEN, RED
from tests.long.players.packages import (
    CUES,
    PACKAGES,
    RATE,
    film_package,
    turned_package,
)
from tests.long.players.served import Served, served
from tests.servers.parts import program

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAYERS = ["Hls", "Shaka"]
FAST = 16
"""Times normal speed: as fast as Chromium plays."""

APPENDED_BEFORE_ITS_TURN = "bufferAppendNoProgress: Fragment append did not increase"
"""hls.js 1.7.4 says so, once and without harm, where the first segment is transmuxed and appended
before the other track is set up, as happens with small ones of any packager."""

BEGUN_LATE = re.compile(
    r"bufferSeekOverHole: fragment loaded with buffer holes, seeking from 0(\.0\d*)? to 0\.[12]\d*$"
)
"""hls.js says so where it is slow to jump to where transport streams begin."""

REORDERED = 2 / RATE
"""Seconds by which B-frames delay what is decoded first: both players begin transport streams at
the first decode time, not at the first picture."""

SOUND_SHORTER = 0.03
"""Seconds that sound ends before the picture at most: an AAC frame, rounded."""


@pytest.fixture(scope="module")
def package() -> Made:
    return film_package()


@pytest.fixture(scope="module")
def upright() -> Made:
    return turned_package()


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(PACKAGES) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(server: Served) -> AsyncIterator[Page]:
    """A page with both players on it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program("chromium"),
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--autoplay-policy=no-user-gesture-required"),
            ],
        )
        opened = await browser.new_page()
        await opened.goto(f"{server.address}/page")
        yield opened
        await browser.close()


async def play(page: Page, player: str, url: str, **wish: Any) -> dict[str, Any]:
    """What was seen and heard when ``player`` played ``url`` from start to end."""
    call = f"([url, wish]) => play{player}(url, wish)"
    told: dict[str, Any] = await page.evaluate(call, [url, wish])
    if "/ts.m3u8" in url:
        told["errors"] = [
            error
            for error in told["errors"]
            if APPENDED_BEFORE_ITS_TURN not in error and not BEGUN_LATE.match(error)
        ]
    return told


def assert_whole(told: dict[str, Any], package: Made, *, late: float = 0.0) -> None:
    """All of it was played, and nothing was missing; ``late`` is when the player may begin."""
    duration, frame = package.plan.duration, 1 / RATE
    assert told["errors"] == []
    assert told["failed"] is None
    # A player that begins late jumps over that.
    assert told.get("faults", 0) <= (late > 0)
    assert told["ended"]
    assert told["duration"] == pytest.approx(duration, abs=frame + late)
    [[start, _]] = told["before"]
    assert start == pytest.approx(0, abs=0.01 + late)
    for ranges in (told["before"], told["ranges"]):
        [[_, end]] = ranges
        assert end == pytest.approx(duration, abs=frame + late)
    assert told["sound"] > 0


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize(
    ("profile", "heights", "codecs"),
    [
        # Chromium has no HEVC.
        ("main", {270, 202, 136}, {"avc1", "av01"}),
        ("no-hevc-av1", {270, 202, 136}, {"avc1"}),
        ("up-to-720p", {270, 202, 136}, {"avc1", "av01"}),
        ("data-saver", {270, 202, 136}, {"avc1", "av01"}),
        ("ts", {270, 202, 136}, {"avc1"}),
    ],
)
async def test_a_profile_plays_from_start_to_end(
    package: Made,
    server: Served,
    page: Page,
    player: str,
    profile: str,
    heights: set[int],
    codecs: set[str],
) -> None:
    told = await play(page, player, f"{server.address}/film/{profile}.m3u8", rate=FAST)

    assert_whole(told, package, late=REORDERED if profile == "ts" else 0.0)
    assert {level["height"] for level in told["levels"]} == heights
    assert {level["codec"][:4] for level in told["levels"]} == codecs
    assert told["frames"] > 0
    assert server.missed in ([], ["/favicon.ico"])


@pytest.mark.parametrize("player", PLAYERS)
async def test_sound_alone_plays(package: Made, server: Served, page: Page, player: str) -> None:
    told = await play(page, player, f"{server.address}/film/audio-only.m3u8", rate=FAST)

    assert told["size"] == [0, 0]
    assert {level["codec"][:4] for level in told["levels"]} == {"mp4a", "opus"}
    assert told["errors"] == []
    assert told["ended"]
    [[start, end]] = told["ranges"]
    assert (start, end) == pytest.approx((0, package.plan.duration), abs=SOUND_SHORTER)


@pytest.mark.parametrize("player", PLAYERS)
async def test_the_rendition_is_switched_in_mid_play_with_subtitles_and_another_language(
    package: Made, server: Served, page: Page, player: str
) -> None:
    told = await play(
        page,
        player,
        f"{server.address}/film/main.m3u8",
        start={"codec": "avc1", "height": 136},
        next={"codec": "avc1", "height": 270},
        language="de",
        subtitles=True,
        looks=[
            {"time": 2.02, "cues": ["One"]},
            {"time": 4.02, "cues": []},
            {"time": 6.02, "cues": ["Two <i>words</i>"]},
            {"time": 12.02, "cues": ["Three"]},
        ],
    )

    assert_whole(told, package)
    assert told["size"] == [480, 270]
    assert told["heights"] == [136, 270]
    assert told["heard"] == "de"
    assert told["text"] == 1
    assert [look["cues"] for look in told["looks"]] == [
        ["One"],
        [],
        ["Two <i>words</i>"],
        ["Three"],
    ]
    assert told["cues"] == [list(cue) for cue in CUES]


@pytest.mark.parametrize("player", PLAYERS)
async def test_av1_plays(package: Made, server: Served, page: Page, player: str) -> None:
    url = f"{server.address}/film/main.m3u8"
    told = await play(page, player, url, start={"codec": "av01"}, rate=FAST)

    assert_whole(told, package)
    assert any("/av1-270p/" in path and path.endswith("00006.m4s") for path, _ in server.asked)


@pytest.mark.parametrize("player", PLAYERS)
async def test_the_first_version_plays_beside_the_later_one(
    package: Made, server: Served, page: Page, player: str
) -> None:
    server.asked.clear()

    told = await play(page, player, f"{server.address}/first/main.m3u8", rate=FAST)

    assert_whole(told, package)
    assert {level["height"] for level in told["levels"]} == {202, 136}
    segments = {path for path, _ in server.asked if path.endswith(".m4s")}
    assert segments
    assert all(path.startswith("/film/") for path in segments)


@pytest.mark.parametrize("player", PLAYERS)
async def test_a_turned_video_stands_upright(
    upright: Made, server: Served, page: Page, player: str
) -> None:
    url = f"{server.address}/turned/main.m3u8"
    told = await play(page, player, url, looks=[{"time": 0.5}], rate=FAST)

    assert told["errors"] == []
    assert told["size"] == [upright.plan.video[0].width, upright.plan.video[0].height] == [180, 320]
    shown = told["looks"][0]["corners"]
    for seen, color in zip(shown, (GREEN, GRAY, RED, BLUE), strict=True):
        assert seen == pytest.approx(color, abs=12)


async def test_shaka_goes_fast_by_key_frames_and_finds_thumbnails(
    package: Made, server: Served, page: Page
) -> None:
    server.asked.clear()
    base = f"{server.address}/film"

    told = await page.evaluate(
        "([url, thumbnails]) => searchShaka(url, thumbnails)",
        [
            f"{base}/no-hevc-av1.m3u8",
            f"{base}/{PICTURES_FOLDER}/{part_name(0, attempt=1)}/{STORYBOARD_NAME}",
        ],
    )

    assert told["errors"] == []
    ranges = [part for path, part in server.asked if path.endswith(".m4s") and part]
    assert len(ranges) >= 5
    assert told["time"] > 8
    pictures = package.plan.pictures
    assert told["thumbnails"] == [
        {
            "x": number % pictures.columns * pictures.tile_width,
            "y": number // pictures.columns * pictures.tile_height,
            "width": pictures.tile_width,
            "height": pictures.tile_height,
            "sheet": [
                pictures.columns * pictures.tile_width,
                pictures.rows * pictures.tile_height,
            ],
        }
        for number in (0, 5)
    ]
