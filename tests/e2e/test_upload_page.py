"""The upload page in a real browser: from files dropped on it to videos that play."""

import base64
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Request, expect

from tests.e2e.browser import chromium, make_video, slow_down
from tests.e2e.system import System, running, until

PACE = 150_000
"""Bytes per second of a slow browser: a large file takes it half a minute, so that however busy the
machine is, what a test does in the middle of an upload is done before its end."""
ENDS_WITHIN = 90_000
"""Milliseconds."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own, as these tests publish."""
    with running(tmp_path_factory.mktemp("upload-page") / "home", "--no-sample") as started:
        yield started


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``large.mp4``, which takes a slow browser some seconds, and ``small.mp4``."""
    folder = tmp_path_factory.mktemp("videos")
    make_video(folder / "large.mp4", padding=4_000_000, seed=1)
    make_video(folder / "small.mp4", seed=2)
    return folder


@pytest.fixture
async def context(system: System, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    async with chromium(system, tmp_path / "profile") as context:
        yield context


@pytest.fixture
async def page(system: System, context: BrowserContext) -> Page:
    """The upload page with the operator's token, on which no script may fail."""
    return await opened(context.pages[0], system)


async def opened(page: Page, system: System, token: str | None = None) -> Page:
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    await page.goto(f"{system.ready['control']}/upload#token={token or system.ready['token']}")
    return page


def card(page: Page, title: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


async def choose(page: Page, file: Path, title: str) -> Locator:
    """The card of a file that has just been chosen and got a title."""
    await page.set_input_files("#files", file)
    ready = page.locator('.card[data-state="ready"]').last
    await ready.get_by_label("Title", exact=True).fill(title)
    await ready.get_by_role("button", name="Upload:").click()
    return card(page, title)


async def comes_to(shown: Locator, state: str) -> None:
    await expect(shown).to_have_attribute("data-state", state, timeout=ENDS_WITHIN)


async def sped_up(slowed: Any) -> None:
    """Ends what ``slow_down`` began."""
    await slowed.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )


async def is_sent_to(shown: Locator, percent: float) -> None:
    async def sent() -> bool:
        return float(await shown.locator(".bar").evaluate("bar => bar.value")) >= percent

    await until(sent, within=30)


def offsets(page: Page) -> list[int]:
    """Where each request with content begins, from now on."""
    found: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            found.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return found


async def safe_bytes(system: System, path: str) -> int | None:
    """How much of an upload ingest would go on with; None when it knows none at ``path``."""
    url, fields = f"{system.ready['ingest']}{path}", {"Tus-Resumable": "1.0.0"}
    async with system.operator() as session, session.head(url, headers=fields) as answer:
        if answer.status in {404, 410}:
            return None
        return int(answer.headers["Upload-Offset"])


async def received(system: System) -> int:
    """Bytes of uploads that ingest has read in its life."""
    async with system.client() as session, session.get(f"{system.ready['ingest']}/metrics") as told:
        found = re.search(
            r"^nearcast_ingest_upload_bytes_total (\S+)", await told.text(), re.MULTILINE
        )
    return int(float(found[1])) if found else 0


async def remembered(page: Page) -> list[dict[str, Any]]:
    """The uploads that the browser would go on with."""
    kept = await page.evaluate(
        "Object.entries(localStorage).filter(([key]) => key.startsWith('tus::')).map((e) => e[1])"
    )
    return [json.loads(one) for one in kept]


DROP = """
([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dropped = new DataTransfer();
  dropped.items.add(new File([bytes], name, { type: "video/mp4", lastModified: 1 }));
  document.body.dispatchEvent(
    new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true }),
  );
}
"""


async def test_a_dropped_file_becomes_a_video_that_plays(page: Page, videos: Path) -> None:
    slowed = await slow_down(page, PACE)
    content = base64.b64encode((videos / "large.mp4").read_bytes()).decode()
    await page.evaluate(DROP, ["holiday.film.mp4", content])
    title = page.get_by_label("Title", exact=True)
    await expect(title).to_have_value("holiday.film")
    await expect(page.locator("canvas")).to_be_visible()
    await title.press("Enter")

    shown = card(page, "holiday.film")
    await is_sent_to(shown, 10)
    await comes_to(shown, "sending")
    await expect(shown.locator(".facts")).to_have_text(
        re.compile(r"^\d+% · [\d.]+\s[kM]B of 4\.\d\sMB · \d+\skB/s · 0:\d\d left$")
    )
    await sped_up(slowed)
    await expect(shown.locator(".stages li")).to_have_text(
        ["inspect", "encode", "package", "publish"], timeout=ENDS_WITHIN
    )
    await comes_to(shown, "done")
    await expect(page.locator("#said")).to_contain_text("holiday.film: Published.")
    await expect(shown.locator("img")).to_be_visible()
    assert "/poster.jpg" in str(await shown.locator("img").get_attribute("src"))

    await shown.get_by_role("button", name="Play").click()

    async def plays() -> bool:
        return bool(await page.evaluate("document.querySelector('video').currentTime > 1"))

    await until(plays, within=20)
    assert await remembered(page) == []


async def test_a_video_plays_before_all_of_it_is_encoded(page: Page, tmp_path: Path) -> None:
    file = make_video(tmp_path / "early.mp4", seconds=61, size="1280x720", rate=4)
    shown = await choose(page, file, "Early")

    await expect(shown.locator(".facts")).to_contain_text(
        "viewers have its lower renditions", timeout=ENDS_WITHIN
    )
    await expect(shown.locator(".state.encoding")).to_be_visible()
    await shown.get_by_role("button", name="Play").click()
    await page.wait_for_function("() => document.querySelector('#player video').currentTime > 1")
    await page.get_by_role("button", name="Close").click()
    await comes_to(shown, "done")

    # What was published first has its objects among those of the whole.
    await page.get_by_role("link", name="Overview").click()
    row = page.get_by_role("row").filter(has_text="Early").filter(has_text="h264-720p")
    await row.get_by_role("button", name="Versions").click()
    rows = page.locator("#versions tbody tr")
    await expect(rows).to_have_count(2)
    means = page.locator("#decision-means")
    await rows.nth(0).get_by_role("button", name="Remove").click()
    await expect(means).to_contain_text("whose objects are among its own. None is left then")
    await page.get_by_role("button", name="Back").click()
    await rows.nth(1).get_by_role("button", name="Remove").click()
    await expect(means).to_contain_text("never comes back. Viewers get the newest that is left.")


async def test_a_reload_in_the_middle_goes_on_where_it_was(
    system: System, page: Page, videos: Path
) -> None:
    file = videos / "large.mp4"
    before = await received(system)
    slowed = await slow_down(page, PACE)
    await is_sent_to(await choose(page, file, "Reloaded"), 20)
    starts = offsets(page)
    await page.reload()
    await sped_up(slowed)

    shown = card(page, "Reloaded")
    await comes_to(shown, "broken")
    await expect(shown.locator(".facts")).to_contain_text("of 4.0 MB")
    chooser = shown.get_by_label("Choose the file again")
    await chooser.set_input_files(videos / "small.mp4")
    await expect(shown.locator(".error")).to_contain_text("That is another file: choose large.mp4")
    assert starts == []
    await chooser.set_input_files(file)
    await comes_to(shown, "done")

    assert len(starts) == 1
    assert starts[0] > 0.1 * file.stat().st_size
    assert await received(system) - before == file.stat().st_size
    assert await remembered(page) == []


async def test_a_file_that_broke_off_may_be_dropped_again(page: Page, videos: Path) -> None:
    slowed = await slow_down(page, PACE)
    content = base64.b64encode((videos / "large.mp4").read_bytes()).decode()
    await page.evaluate(DROP, ["dropped.mp4", content])
    await page.get_by_label("Title", exact=True).press("Enter")
    await is_sent_to(card(page, "dropped"), 20)
    starts = offsets(page)
    await page.reload()
    await sped_up(slowed)
    await comes_to(card(page, "dropped"), "broken")
    await page.evaluate(DROP, ["dropped.mp4", content])

    await comes_to(card(page, "dropped"), "done")
    assert len(starts) == 1
    assert starts[0] > 0


async def test_an_upload_goes_on_after_kill_9_of_ingest(
    system: System, page: Page, videos: Path
) -> None:
    # So slow that ingest makes what has come safe before the end.
    slowed = await slow_down(page, PACE)
    shown = await choose(page, videos / "large.mp4", "Killed")
    await is_sent_to(shown, 10)
    [kept] = await remembered(page)
    path = kept["uploadUrl"].removeprefix(system.ready["ingest"])

    async def is_safe() -> bool:
        return bool(await safe_bytes(system, path))

    await until(is_safe, within=30)
    safe, starts = await safe_bytes(system, path) or 0, offsets(page)
    os.kill(system.children()["ingest"], signal.SIGKILL)
    await comes_to(shown, "lost")
    await sped_up(slowed)
    await comes_to(shown, "done")

    assert starts
    assert starts[0] >= safe


async def test_a_pause_keeps_what_is_sent(page: Page, videos: Path) -> None:
    slowed = await slow_down(page, PACE)
    shown = await choose(page, videos / "large.mp4", "Rests")
    await is_sent_to(shown, 20)
    starts = offsets(page)
    await shown.get_by_role("button", name="Pause:").click()
    await comes_to(shown, "paused")
    await page.wait_for_timeout(1500)
    assert starts == []
    await sped_up(slowed)
    await shown.get_by_role("button", name="Go on").click()
    await comes_to(shown, "done")

    assert len(starts) == 1
    assert starts[0] > 0


async def test_a_wrong_token_is_told_and_asked_for_again(
    system: System, context: BrowserContext, videos: Path
) -> None:
    wrong, right = "a-wrong-token-of-tests", system.ready["token"]
    page = await opened(context.pages[0], system, wrong)
    assert page.url == f"{system.ready['control']}/upload"
    shown = await choose(page, videos / "small.mp4", "Asked")
    await expect(page.locator("#token-why")).to_have_text("Ingest does not know this token.")

    await page.get_by_role("button", name="Not now").click()
    await expect(shown.locator(".error")).to_have_text("Nothing was done: it needs a token.")
    await shown.get_by_role("button", name="Try again").click()
    await page.get_by_label("Token", exact=True).fill(right)
    await page.get_by_role("button", name="Use it").click()
    await comes_to(shown, "done")

    kept = await page.evaluate("JSON.stringify({ ...localStorage })")
    assert right not in kept
    assert right not in page.url
    assert right not in await page.content()
    assert await page.evaluate("history.length") <= 2


async def test_a_cancelled_upload_is_gone_at_ingest_too(
    system: System, page: Page, videos: Path
) -> None:
    await slow_down(page, PACE)
    shown = await choose(page, videos / "large.mp4", "Given up")
    await is_sent_to(shown, 20)
    [kept] = await remembered(page)
    path = kept["uploadUrl"].removeprefix(system.ready["ingest"])
    await shown.get_by_role("button", name="Cancel:").click()
    await comes_to(shown, "cancelled")

    assert await safe_bytes(system, path) is None
    assert await remembered(page) == []


async def test_a_job_is_cancelled_from_its_card(system: System, page: Page, tmp_path: Path) -> None:
    shown = await choose(page, make_video(tmp_path / "long.mp4", seconds=500, seed=3), "Stopped")
    await comes_to(shown, "encoding")
    await shown.get_by_role("button", name="Cancel:").click()
    await comes_to(shown, "cancelled")

    states = {job["title"]: job["state"] for job in await system.listed("jobs")}
    assert states["Stopped"] == "cancelled"


async def test_a_file_belongs_to_one_tab_at_a_time(
    system: System, context: BrowserContext, page: Page, videos: Path
) -> None:
    slowed = await slow_down(page, PACE)
    shown = await choose(page, videos / "large.mp4", "First tab")
    await is_sent_to(shown, 10)
    other = await opened(await context.new_page(), system)
    await expect(other.locator(".card")).to_have_count(0)

    refused = await choose(other, videos / "large.mp4", "Second tab")
    await expect(refused.locator(".error")).to_have_text(
        "This file is being uploaded already, here or in another tab."
    )
    beside = await choose(other, videos / "small.mp4", "Beside")
    await comes_to(beside, "done")
    await sped_up(slowed)
    await comes_to(shown, "done")


async def test_a_job_is_followed_on_after_a_reload(page: Page, videos: Path) -> None:
    shown = await choose(page, videos / "small.mp4", "Followed")
    await expect(shown).not_to_have_attribute("data-state", re.compile("ready|waiting|sending"))
    await page.reload()

    await comes_to(card(page, "Followed"), "done")


async def test_an_upload_whose_end_nobody_heard_of_is_followed_without_its_file(
    system: System, page: Page, videos: Path
) -> None:
    shown = await choose(page, videos / "small.mp4", "Unheard")
    await comes_to(shown, "done")
    job = next(job for job in await system.listed("jobs") if job["title"] == "Unheard")
    # As if the page had been closed just before the answer came.
    kept = {
        "size": (videos / "small.mp4").stat().st_size,
        "metadata": {"title": "Unheard", "filename": "small.mp4"},
        "uploadUrl": f"{system.ready['ingest']}/v1/uploads/{job['job_id']}",
    }
    await page.evaluate("sessionStorage.removeItem('nearcast-followed')")
    await page.evaluate("kept => localStorage.setItem('tus::print::1', JSON.stringify(kept))", kept)
    await page.reload()

    await comes_to(card(page, "Unheard"), "done")
    assert await remembered(page) == []


async def test_three_go_at_once_and_the_others_wait(page: Page, tmp_path: Path) -> None:
    slowed = await slow_down(page, PACE)
    names = [f"queue-{number}" for number in range(5)]
    for number, name in enumerate(names):
        make_video(tmp_path / f"{name}.mp4", padding=1_000_000, seed=10 + number)
    await page.set_input_files("#files", [tmp_path / f"{name}.mp4" for name in names])
    await page.get_by_role("button", name="Upload all 5").click()

    await expect(page.locator('.card[data-state="sending"]')).to_have_count(3)
    await expect(page.locator('.card[data-state="waiting"]')).to_have_count(2)
    await sped_up(slowed)
    for name in names:
        await comes_to(card(page, name), "done")


async def test_what_is_no_video_is_told_in_one_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    shown = await choose(page, tmp_path / "text.mp4", "No video")
    await comes_to(shown, "refused")

    await expect(shown.locator(".error")).to_have_text(
        "The file is not a video in any format known here."
    )


async def test_what_ingest_does_not_take_is_told_and_may_be_changed(
    page: Page, videos: Path
) -> None:
    await page.set_input_files("#files", videos / "small.mp4")
    await page.get_by_label("Title", exact=True).fill("Changed")
    profile = page.get_by_label("Profile", exact=True)
    await profile.fill("nothing")
    await profile.press("Enter")
    await expect(page.locator(".error")).to_contain_text("There is no profile 'nothing'")
    await profile.fill("shorts")
    await profile.press("Enter")

    await comes_to(card(page, "Changed"), "done")


async def test_an_empty_file_is_told_and_taken_off_the_list(page: Page, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    await page.set_input_files("#files", tmp_path / "empty.mp4")
    await page.get_by_role("button", name="Upload:").click()
    await expect(page.locator(".error")).to_have_text("The file is empty.")
    await page.get_by_role("button", name="Take off the list").click()

    await expect(page.locator(".card")).to_have_count(0)
    await expect(page.locator("#files")).to_be_focused()


async def test_a_file_that_changed_meanwhile_is_told(page: Page, tmp_path: Path) -> None:
    file = make_video(tmp_path / "changing.mp4", padding=4_000_000, seed=4)
    await slow_down(page, PACE)
    shown = await choose(page, file, "Changing")
    await is_sent_to(shown, 10)
    await shown.get_by_role("button", name="Pause:").click()
    with file.open("ab") as more:
        more.write(b"more")
    await shown.get_by_role("button", name="Go on:").click()

    await expect(shown.locator(".error")).to_have_text(
        "The file was changed or moved since it was chosen: choose it anew."
    )


async def test_hostile_names_are_only_text(system: System, page: Page, videos: Path) -> None:
    name = "<img src=x onerror=alert(1)>\u202egpj.\x07mp4"
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    content = (videos / "small.mp4").read_bytes()
    await page.set_input_files("#files", {"name": name, "mimeType": "text/x", "buffer": content})
    title = "<img src=x onerror=alert(1)>gpj"
    await expect(page.get_by_label("Title", exact=True)).to_have_value(title)
    await page.get_by_role("button", name="Upload:").click()
    await comes_to(card(page, title), "done")
    await expect(page.locator("img[src=x]")).to_have_count(0)

    front = await page.context.new_page()
    front.on("dialog", lambda dialog: pytest.fail(dialog.message))
    await front.goto(f"{system.ready['control']}/")
    await expect(front.get_by_text(title).first).to_be_visible()
    await expect(front.locator("img[src=x]")).to_have_count(0)
