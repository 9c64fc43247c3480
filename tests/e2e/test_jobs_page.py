"""The front page in a real browser, where operators decide on held videos and cancel jobs."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Page, expect

from common.messages import Decision, Evidence, JobState, Verdict
from common.service import DatabaseSettings
from ingest.jobs.store import open_job_store
from tests.e2e.browser import front_page, make_video
from tests.e2e.system import System, running, until

ENDS_WITHIN = 90_000
"""Milliseconds."""
DOUBTS = (
    Verdict("faces", Decision.REVIEW, (Evidence("Somebody is seen.", 0.5, 1.25, 0.75),)),
    Verdict("silence", Decision.ALLOW),
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own, as these tests publish."""
    with running(tmp_path_factory.mktemp("jobs-page") / "home", "--no-sample") as started:
        yield started


@pytest.fixture
async def page(system: System, tmp_path: Path) -> AsyncIterator[Page]:
    async with front_page(system, tmp_path / "profile") as page:
        assert page.url == f"{system.ready['control']}/"
        yield page


async def send(system: System, file: Path, title: str) -> str:
    """The job of a file that has just been uploaded."""
    url = f"{system.ready['ingest']}/v1/videos"
    async with (
        system.operator() as session,
        session.put(url, params={"title": title}, data=file.open("rb")) as answer,
    ):
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["job_id"])


async def doubt(system: System, job_id: str, verdicts: tuple[Verdict, ...] = DOUBTS) -> None:
    """Writes into the job's record what a content filter would."""
    database = DatabaseSettings(sqlite=system.home / "data" / "ingest.sqlite")
    store = await open_job_store(database)
    try:
        while True:
            job = await store.job(job_id)
            assert job is not None
            assert job.state is not JobState.PUBLISHING
            assert not job.state.final
            doubted = msgspec.structs.replace(job, verdicts=verdicts, revision=job.revision + 1)
            if await store.swap_job(job, doubted):
                return
    finally:
        await store.close()


async def job(system: System, job_id: str) -> dict[str, Any]:
    return next(one for one in await system.listed("jobs") if one["job_id"] == job_id)


async def comes_to(system: System, job_id: str, state: str) -> dict[str, Any]:
    async def there() -> bool:
        return bool((await job(system, job_id))["state"] == state)

    await until(there, within=ENDS_WITHIN / 1000)
    return await job(system, job_id)


async def held(
    system: System, page: Page, file: Path, title: str, verdicts: tuple[Verdict, ...] = DOUBTS
) -> str:
    """A job that the page shows as held."""
    job_id = await send(system, file, title)
    await doubt(system, job_id, verdicts)
    await comes_to(system, job_id, "review")
    await expect(page.get_by_role("heading", name=title)).to_be_visible()
    return job_id


async def test_a_held_video_is_published_when_an_operator_approves(
    system: System, page: Page, tmp_path: Path
) -> None:
    job_id = await held(system, page, make_video(tmp_path / "a.mp4", seed=1), "Doubtful")
    shown = page.get_by_role("article", name="Doubtful")
    await expect(shown).to_contain_text("sent by operator")
    await expect(shown.locator(".verdicts li").first).to_have_text(
        re.compile(r"review\s+faces\s+0:00\.5–0:01\.2 Somebody is seen\. score 0\.75")
    )
    asset = (await job(system, job_id))["asset_id"]
    assert asset not in {one["asset_id"] for one in await system.listed("assets")}

    await shown.get_by_role("button", name="Approve…").click()
    await expect(page.locator("#decision-job")).to_have_text("Doubtful")
    await page.get_by_role("button", name="Publish it").click()

    await expect(page.get_by_role("dialog")).to_have_count(0)
    done = await comes_to(system, job_id, "done")
    assert done["review"]["by"] == "operator"
    assert done["review"]["approved"] is True
    assert asset in {one["asset_id"] for one in await system.listed("assets")}
    await expect(shown).to_have_count(0)


LATE = (Verdict("faces", Decision.REVIEW, (Evidence("Somebody is seen.", 8.0, 9.5),)),)


async def plays(page: Page, beyond: float) -> float:
    """Where the player is, once it plays on and is further than so many seconds."""
    await page.wait_for_function(
        "beyond => { const video = document.querySelector('#player video');"
        " return video.currentTime > beyond && !video.paused && video.readyState > 2; }",
        arg=beyond,
    )
    return float(await page.evaluate("document.querySelector('#player video').currentTime"))


async def test_an_operator_watches_a_held_video_before_deciding(
    system: System, page: Page, tmp_path: Path
) -> None:
    file = make_video(tmp_path / "watched.mp4", seconds=16, seed=8)
    job_id = await held(system, page, file, "Watched first", LATE)
    shown = page.get_by_role("article", name="Watched first")
    await expect(shown.locator(".poster img")).to_be_visible()

    await shown.get_by_role("button", name="▶ Watch").click()
    dialog = page.get_by_role("dialog", name="Watched first")
    assert await plays(page, 0.5) < 8
    await expect(dialog.locator("#player-facts")).to_contain_text("from ingest, for operators only")
    await dialog.get_by_role("button", name="Close").click()
    await expect(shown.get_by_role("button", name="▶ Watch")).to_be_focused()

    await shown.get_by_role("button", name="Watch 0:08.0–0:09.5 of Watched first").click()
    assert 8 < await plays(page, 8.2) < 14
    await dialog.get_by_role("button", name="Close").click()

    await shown.get_by_role("button", name="Approve…").click()
    await page.get_by_role("button", name="Publish it").click()
    await comes_to(system, job_id, "done")
    await expect(shown).to_have_count(0)


async def test_a_copy_of_a_held_video_is_watched_too(
    system: System, page: Page, tmp_path: Path
) -> None:
    file = make_video(tmp_path / "twice.mp4", seconds=4, seed=9)
    await held(system, page, file, "First of two")
    await held(system, page, file, "Second of two")
    shown = page.get_by_role("article", name="Second of two")
    await expect(shown.locator(".poster img")).to_be_visible()

    await shown.get_by_role("button", name="▶ Watch").click()
    await plays(page, 0.5)


async def test_who_is_no_operator_is_told_so_by_the_player(
    system: System, page: Page, tmp_path: Path
) -> None:
    await held(system, page, make_video(tmp_path / "h.mp4", seed=10), "Not for you")
    secrets = msgspec.json.decode((system.home / "secrets.json").read_bytes())
    await page.evaluate(f"sessionStorage.setItem('nearcast-token', '{secrets['control']}')")
    await page.get_by_role("article", name="Not for you").get_by_role("button", name="▶ W").click()

    await expect(page.locator("#player-facts")).to_have_text(
        "The credential 'control' may not do this: it needs one of the roles operator."
    )


async def test_to_watch_the_token_is_asked_for_where_none_is_known(
    system: System, page: Page, tmp_path: Path
) -> None:
    await held(system, page, make_video(tmp_path / "i.mp4", seconds=4, seed=11), "Who asks")
    await page.evaluate("sessionStorage.clear()")
    await page.get_by_role("article", name="Who asks").get_by_role("button", name="▶ W").click()
    await page.get_by_label("Token", exact=True).fill(system.ready["token"])
    await page.get_by_role("button", name="Use it").click()

    await plays(page, 0.5)


async def test_a_note_in_the_making_outlives_that_the_page_refreshes(
    system: System, page: Page, tmp_path: Path
) -> None:
    job_id = await held(system, page, make_video(tmp_path / "b.mp4", seed=2), "Refused one")
    shown = page.get_by_role("article", name="Refused one")
    await shown.get_by_role("button", name="Refuse…").click()
    note = page.get_by_label("Note, for the record")
    await note.fill("Nobody asked")
    # Something new on the page beneath, so that it is drawn anew.
    await send(system, make_video(tmp_path / "c.mp4", seed=3), "Drawn beneath")
    await expect(page.get_by_text("Drawn beneath").first).to_be_attached()
    await expect(note).to_be_focused()
    await expect(note).to_have_value("Nobody asked")
    await page.get_by_role("button", name="Refuse it").click()

    failed = await comes_to(system, job_id, "failed")
    assert failed["error"] == "An operator refused to publish the video: Nobody asked."
    await expect(page.get_by_text(failed["error"])).to_be_visible()


async def test_who_is_no_operator_is_told_so_and_decides_nothing(
    system: System, page: Page, tmp_path: Path
) -> None:
    job_id = await held(system, page, make_video(tmp_path / "d.mp4", seed=4), "Not yours")
    secrets = msgspec.json.decode((system.home / "secrets.json").read_bytes())
    await page.evaluate(f"sessionStorage.setItem('nearcast-token', '{secrets['control']}')")
    shown = page.get_by_role("article", name="Not yours")
    await shown.get_by_role("button", name="Approve…").click()
    await page.get_by_role("button", name="Publish it").click()

    await expect(page.locator("#decision-error")).to_have_text(
        "The credential 'control' may not do this: it needs one of the roles operator."
    )
    assert (await job(system, job_id))["state"] == "review"


async def test_a_decision_that_another_operator_took_is_told(
    system: System, page: Page, tmp_path: Path
) -> None:
    job_id = await held(system, page, make_video(tmp_path / "e.mp4", seed=5), "Both at once")
    shown = page.get_by_role("article", name="Both at once")
    await shown.get_by_role("button", name="Refuse…").click()
    url = f"{system.ready['ingest']}/v1/jobs/{job_id}/review"
    async with system.operator() as session, session.post(url, json={"approve": True}) as answer:
        assert answer.status == 200
    await page.get_by_role("button", name="Refuse it").click()

    await expect(page.locator("#decision-error")).to_contain_text("operator has decided already")


async def test_a_job_shows_its_stages_and_is_cancelled(
    system: System, page: Page, tmp_path: Path
) -> None:
    file = make_video(tmp_path / "long.mp4", seconds=500, seed=6)
    job_id = await send(system, file, "Stopped")
    row = page.get_by_role("row").filter(has_text="Stopped")
    await expect(row.locator(".stages li")).to_have_text(
        ["inspect", "encode", "package", "publish"], timeout=30_000
    )
    await expect(row).to_contain_text(
        re.compile(r"× as fast as it plays · \d+:\d\d left"), timeout=60_000
    )
    await row.get_by_role("button", name="Cancel…").click()
    await page.get_by_role("button", name="Cancel the job").click()

    await comes_to(system, job_id, "cancelled")
    await expect(row.locator(".state")).to_have_text("cancelled")


async def test_the_token_is_asked_for_when_it_is_needed(
    system: System, page: Page, tmp_path: Path
) -> None:
    job_id = await held(system, page, make_video(tmp_path / "g.mp4", seed=7), "Asked first")
    await page.evaluate("sessionStorage.clear()")
    await (
        page.get_by_role("article", name="Asked first")
        .get_by_role("button", name="Approve…")
        .click()
    )
    await page.get_by_role("button", name="Publish it").click()
    await page.get_by_label("Token", exact=True).fill(system.ready["token"])
    await page.get_by_role("button", name="Use it").click()

    await comes_to(system, job_id, "done")
