"""The videos of the front page: posters that move, and a seek bar with pictures above it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.browser import front_page
from tests.e2e.system import System

SHOWS = "() => document.querySelector('.picture .moving').naturalWidth > 0"


@pytest.fixture
async def page(system: System, tmp_path: Path) -> AsyncIterator[Page]:
    async with front_page(system, tmp_path / "profile", token=False) as page:
        yield page


def previews(page: Page) -> list[str]:
    """The moving pictures that the page asks for from now on."""
    asked: list[str] = []

    def note(url: str) -> None:
        if url.endswith("/preview.webp"):
            asked.append(url)

    page.on("request", lambda request: note(request.url))
    return asked


async def opened(page: Page) -> None:
    """Plays the sample, by its picture."""
    await page.locator(".picture button").first.click()
    await page.wait_for_function("() => document.querySelector('#player video').currentTime > 0.2")


async def seek_to(page: Page, share: float) -> tuple[float, float]:
    """Where on the page the seek bar is at that share of it."""
    box = await page.locator("#seek input").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * share, box["y"] + box["height"] / 2


async def test_a_poster_moves_while_it_is_hovered_or_focused(page: Page) -> None:
    asked = previews(page)
    button, moving = page.locator(".picture button").first, page.locator(".picture .moving").first
    await expect(moving).to_be_hidden()
    assert asked == []

    await button.hover()
    await expect(moving).to_be_visible()
    await page.wait_for_function(SHOWS)
    assert len(set(asked)) == 1

    await page.mouse.move(0, 0)
    await expect(moving).to_be_hidden()
    # By the keyboard: the one before it, and back.
    await button.focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Shift+Tab")
    await expect(button).to_be_focused()
    await expect(moving).to_be_visible()


async def test_nothing_moves_for_who_wants_no_motion(page: Page) -> None:
    await page.emulate_media(reduced_motion="reduce")
    asked = previews(page)

    # Drawn anew meanwhile.
    async with page.expect_response(re.compile(r"/parts$")):
        await page.locator(".picture button").first.hover()

    await expect(page.locator(".picture .moving").first).to_be_hidden()
    assert asked == []


async def test_the_seek_bar_shows_the_picture_of_where_the_pointer_is(page: Page) -> None:
    await opened(page)
    shown = page.locator("#seek figure")
    await expect(page.locator("#seek")).to_be_visible()
    await expect(shown).to_be_hidden()

    await page.mouse.move(*await seek_to(page, 0.525))
    await expect(shown.locator("time")).to_have_text("0:10")
    # The eleventh of a picture for each second, ten to a row.
    tile = shown.locator(".tile")
    await expect(tile).to_have_css("background-position", "0px -90px")
    sheet = await tile.evaluate("tile => getComputedStyle(tile).backgroundImage.slice(5, -2)")
    assert sheet.endswith("/storyboard-000.jpg")
    width = "async url => { const i = new Image(); i.src = url; await i.decode(); return i.width; }"
    assert await page.evaluate(width, sheet) == 10 * await tile.evaluate("tile => tile.clientWidth")

    await page.mouse.move(0, 0)
    await expect(shown).to_be_hidden()


async def test_dragging_shows_pictures_and_letting_go_seeks(page: Page) -> None:
    await opened(page)
    await page.mouse.move(*await seek_to(page, 0.1))
    await page.mouse.down()
    await page.mouse.move(*await seek_to(page, 0.775), steps=4)
    await expect(page.locator("#seek time")).to_have_text("0:15")
    now = "() => document.querySelector('#player video').currentTime"
    assert await page.evaluate(now) < 10

    await page.mouse.up()
    await page.wait_for_function(f"({now})() > 15.5")
    await expect(page.locator("#seek figure")).to_be_hidden()
    assert await page.evaluate(now) < 20


async def test_a_version_without_a_storyboard_has_the_browsers_own_bar(page: Page) -> None:
    await page.route(re.compile(r"/storyboard\.vtt$"), lambda route: route.fulfill(status=404))
    await opened(page)

    await expect(page.locator("#player")).not_to_have_class(re.compile("sought"))
    await expect(page.locator("#seek")).to_be_hidden()
