"""The upload page for accounts: those with several channels say to which they upload."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.e2e.browser import chromium, make_video, slow_down
from tests.e2e.system import System, running
from tests.e2e.test_upload_page import (
    PACE,
    card,
    choose,
    comes_to,
    is_sent_to,
    offsets,
    opened,
    sped_up,
)

CHOOSE = "Choose the channel first: your account has several."


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("channels") / "home", "--no-sample") as started:
        yield started


@pytest.fixture
async def context(system: System, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    async with chromium(system, tmp_path / "profile") as context:
        yield context


@dataclass
class Account:
    """A publisher, and their channels' identifiers by title."""

    token: str
    channels: dict[str, str]


async def account(system: System, name: str, *titles: str) -> Account:
    """A new one."""
    control, roles = system.ready["control"], ["publisher"]

    async def post(session: Any, path: str, **asked: Any) -> Any:
        async with session.post(f"{control}/v1/{path}", json=asked) as answer:
            assert answer.status == 201, await answer.text()
            return await answer.json()

    async with system.operator() as operator:
        user = await post(operator, "users", name=name, roles=roles)
        new = await post(operator, f"users/{user['user_id']}/tokens", name="studio", roles=roles)
    async with system.client(Authorization=f"Bearer {new['secret']}") as own:
        made = [await post(own, "channels", title=title) for title in titles]
    return Account(new["secret"], {one["title"]: one["channel_id"] for one in made})


async def creator(system: System, title: str) -> str:
    """Whose the video with that title is."""
    (found,) = [one for one in await system.listed("assets") if one["title"] == title]
    return str(found["creator"])


async def test_a_video_goes_to_the_channel_that_is_chosen(
    system: System, context: BrowserContext, tmp_path: Path
) -> None:
    ann = await account(system, "ann", "Cooking", "Baking 🍞")
    page = await opened(context.pages[0], system, ann.token)
    channel = page.locator("#channel select")
    await expect(channel.locator("option")).to_have_count(3)
    await page.set_input_files("#files", make_video(tmp_path / "bread.mp4", seed=5))
    await page.get_by_role("button", name="Upload:").click()
    await expect(page.locator(".error")).to_have_text(CHOOSE)
    await expect(channel).to_be_focused()

    await channel.select_option("Baking 🍞")
    await page.get_by_role("button", name="Upload:").click()
    shown = card(page, "bread")
    await expect(shown.locator(".stages")).to_be_visible()
    await page.reload()

    await comes_to(shown, "done")
    await expect(channel).to_have_value(ann.channels["Baking 🍞"])
    assert await creator(system, "bread") == ann.channels["Baking 🍞"]


async def test_what_broke_off_goes_on_to_its_own_channel(
    system: System, context: BrowserContext, tmp_path: Path
) -> None:
    bob = await account(system, "bob", "News", "Weather")
    page = await opened(context.pages[0], system, bob.token)
    channel = page.locator("#channel select")
    await channel.select_option("News")
    slowed = await slow_down(page, PACE)
    file = make_video(tmp_path / "large.mp4", padding=4_000_000, seed=6)
    await is_sent_to(await choose(page, file, "Elections"), 20)
    starts = offsets(page)
    await page.reload()
    await sped_up(slowed)
    await channel.select_option("Weather")
    shown = card(page, "Elections")
    await comes_to(shown, "broken")
    await expect(shown.locator(".facts")).to_contain_text("of 4.0 MB")

    await shown.get_by_label("Choose the file again").set_input_files(file)
    await comes_to(shown, "done")

    assert len(starts) == 1
    assert starts[0] > 0
    assert await creator(system, "Elections") == bob.channels["News"]


async def test_a_file_is_begun_anew_for_another_channel(
    system: System, context: BrowserContext, tmp_path: Path
) -> None:
    eve = await account(system, "eve", "One", "Two")
    page = await opened(context.pages[0], system, eve.token)
    channel = page.locator("#channel select")
    await channel.select_option("One")

    async def refuse(route: Route) -> None:
        if route.request.method != "PATCH":
            await route.fallback()
            return
        fields = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/problem+json"}
        await route.fulfill(status=422, headers=fields, body='{"detail": "Not to this channel."}')

    await page.route("**/v1/uploads/*", refuse)
    await page.set_input_files("#files", make_video(tmp_path / "both.mp4", seed=7))
    await page.get_by_role("button", name="Upload:").click()
    await expect(page.locator(".error")).to_have_text("Not to this channel.")
    await page.unroute("**/v1/uploads/*")
    await channel.select_option("Two")
    await page.get_by_role("button", name="Upload:").click()
    await comes_to(card(page, "both"), "done")

    assert await creator(system, "both") == eve.channels["Two"]


@pytest.mark.parametrize("whose", ["an operator", "an account with one channel"])
async def test_who_has_nothing_to_choose_is_not_asked(
    system: System, context: BrowserContext, tmp_path: Path, whose: str
) -> None:
    token, owner = system.ready["token"], None
    if whose != "an operator":
        one = await account(system, "one", "Only")
        token, owner = one.token, one.channels["Only"]
    page = await opened(context.pages[0], system, token)

    shown = await choose(page, make_video(tmp_path / "small.mp4", seed=8), whose)
    await comes_to(shown, "done")

    await expect(page.locator("#channel")).to_be_hidden()
    assert owner in {None, await creator(system, whose)}


async def test_channels_are_offered_once_a_token_is_given(
    system: System, context: BrowserContext, tmp_path: Path
) -> None:
    fay = await account(system, "fay", "Left", "Right")
    page: Page = context.pages[0]
    await page.goto(f"{system.ready['control']}/upload")
    await page.set_input_files("#files", make_video(tmp_path / "late.mp4", seed=9))
    await page.get_by_role("button", name="Upload:").click()
    await page.get_by_label("Token", exact=True).fill(fay.token)
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator(".error")).to_have_text(CHOOSE)

    await page.locator("#channel select").select_option("Right")
    await page.get_by_role("button", name="Upload:").click()
    await comes_to(card(page, "late"), "done")

    assert await creator(system, "late") == fay.channels["Right"]
