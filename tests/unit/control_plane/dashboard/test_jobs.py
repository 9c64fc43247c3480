"""Which jobs the page shows, and what it says of them."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.messages import Decision, Evidence, JobState, JobView, Review, Verdict, encode
from control_plane.dashboard.jobs import (
    READ,
    SHARED_FOR,
    SHOWN,
    IngestJobs,
    ShownJobs,
    shown,
)
from control_plane.dashboard.page import environment
from tests.unit.control_plane.dashboard.jobs import job

HOSTILE = "<script>alert(1)</script>\"'"


class Clockwork:
    """A clock that stands."""

    time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def page(*jobs: JobView, uploads_url: str | None = "https://uploads.example") -> str:
    """The parts of the page that show ``jobs``."""
    templates = environment()
    values: dict[str, Any] = {
        "jobs": shown(jobs),
        "jobs_error": None,
        "uploads_url": uploads_url,
        "has_player": True,
        "now": 160.0,
    }
    return "".join(
        templates.get_template(name).render(values) for name in ("held.html", "jobs.html")
    )


def test_held_jobs_stand_apart() -> None:
    found = shown([job("c", JobState.ENCODING), job("b", JobState.REVIEW), job("a", JobState.DONE)])

    assert [one.job_id for one in found.held] == ["b"]
    assert [one.job_id for one in found.others] == ["c", "a"]


def test_jobs_that_ended_make_room_for_those_that_go_on() -> None:
    ended = [job(f"e{number}", JobState.DONE) for number in range(SHOWN + 10)]
    going_on = [job(f"g{number}", JobState.ENCODING) for number in range(3)]

    found = shown([*ended, *going_on])

    assert [one.job_id for one in found.others] == [
        *(one.job_id for one in ended[: SHOWN - 3]),
        *(one.job_id for one in going_on),
    ]


def test_all_jobs_that_go_on_are_shown() -> None:
    going_on = [job(f"g{number}", JobState.QUEUED) for number in range(SHOWN + 10)]

    assert shown([job("e", JobState.DONE), *going_on]) == ShownJobs(others=tuple(going_on))


def test_so_many_are_held_that_not_all_fit() -> None:
    found = shown([job(f"h{number}", JobState.REVIEW) for number in range(SHOWN + 10)])

    assert len(found.held) == SHOWN
    assert found.held_count == SHOWN + 10
    assert not found.more_held


def test_when_more_may_be_held_than_were_read_the_page_says_so() -> None:
    text = page(*(job(f"h{number}", JobState.REVIEW) for number in range(READ)))

    assert f"Held for review <small>{READ} or more</small>" in text


def test_of_much_evidence_the_first_is_shown() -> None:
    seen = tuple(Evidence(f"Black frame {number}.", float(number)) for number in range(100))
    verdict = Verdict("black", Decision.REVIEW, seen)
    text = page(job("j", JobState.REVIEW, verdicts=(verdict,)))

    assert text.count("Black frame") == 10
    assert "and 90 more" in text


def test_a_job_that_goes_on_has_its_stages_and_can_be_cancelled() -> None:
    text = page(job("j", JobState.ENCODING, speed=2.5, seconds_left=75.2, owner="studio"))

    assert 'encode <progress max="100" value="41.6">' in text
    assert "2.5× as fast as it plays" in text
    assert "1:15 left" in text
    assert "studio" in text
    assert 'data-does="cancel" data-job="j"' in text
    assert "viewers" not in text


def test_a_job_of_which_a_first_version_is_out_says_so() -> None:
    text = page(job("j", JobState.ENCODING, playable=True))

    assert "42% · viewers have its lower renditions" in text


@pytest.mark.parametrize(
    "state", [JobState.PUBLISHING, JobState.DONE, JobState.FAILED, JobState.CANCELLED]
)
def test_a_job_that_nobody_can_cancel_has_no_button(state: JobState) -> None:
    assert "data-does" not in page(job("j", state))


def test_a_held_job_tells_what_the_filters_saw_and_where() -> None:
    seen = Evidence("Somebody is seen.", 12.04, 75.5, 0.98765)
    verdicts = (
        Verdict("faces", Decision.REVIEW, (seen, Evidence("The title says so."))),
        Verdict("model", Decision.REVIEW, failure="It did not answer."),
    )
    text = page(job("j", JobState.REVIEW, verdicts=verdicts, profile="shorts"))

    for words in (
        "Held for review",
        'data-job="j" data-title="Title of j" data-at="12.04">0:12.0–1:15.5</button>',
        "</button> <bdi>Somebody is seen.</bdi> <small>score 0.988</small>",
        "<p><bdi>The title says so.</bdi></p>",
        "The filter failed: <bdi>It did not answer.</bdi>",
        "1:00 ago",
        "shorts",
        'data-does="approve" data-job="j"',
        'data-does="refuse" data-job="j"',
    ):
        assert words in text


def test_without_a_way_to_ingest_there_is_no_button_but_the_address() -> None:
    verdict = Verdict("black", Decision.REVIEW, (Evidence("Black.", 1.0, 2.0),))
    held = job("j", JobState.REVIEW, verdicts=(verdict,))
    text = page(held, job("k", JobState.ENCODING), uploads_url=None)

    assert "<code>0:01.0–0:02.0</code>" in text
    assert "data-job" not in text
    assert "data-poster" not in text
    assert "data-does" not in text
    assert "POST /v1/jobs/j/review" in text


def test_an_approved_job_tells_who_approved_it() -> None:
    text = page(job("j", JobState.DONE, review=Review(True, "ada", "Fine.", 150.0)))

    assert "approved by ada: <bdi>Fine.</bdi>" in text


def test_whatever_people_and_filters_write_is_only_text() -> None:
    seen = (Evidence(HOSTILE, 1.0),)
    verdict = Verdict(HOSTILE, Decision.REVIEW, seen, failure=HOSTILE)
    names = {"title": HOSTILE, "profile": HOSTILE, "owner": HOSTILE}
    review = Review(True, HOSTILE, HOSTILE, 150.0)
    text = page(
        job("a", JobState.REVIEW, verdicts=(verdict,), **names),
        job("b", JobState.ENCODING, **names),
        job("c", JobState.FAILED, error=HOSTILE, **names),
        job("d", JobState.DONE, review=review, **names),
    )

    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 10


async def test_many_viewers_ask_ingest_once() -> None:
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        assert request.query["limit"] == "100"
        return web.Response(body=encode([job("j", JobState.QUEUED)]))

    application = web.Application()
    application.router.add_get("/v1/jobs", answer)
    clock = Clockwork()
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        jobs = IngestJobs(session, str(server.make_url("/")), clock)
        together = await asyncio.gather(*(jobs.recent() for _ in range(10)))
        clock.time += SHARED_FOR
        await jobs.recent()

    assert {one.job_id for found in together for one in found} == {"j"}
    assert asked == 4, "twice for the newest and twice for those that are held"


async def test_a_held_job_is_on_the_page_however_many_are_newer() -> None:
    newest = [job(f"n{number:03d}", JobState.DONE) for number in reversed(range(READ))]
    doubtful = job("n050", JobState.REVIEW, updated_at=101.0)
    old = [job("a2", JobState.REVIEW), job("a1", JobState.REVIEW)]

    async def answer(request: web.Request) -> web.Response:
        held = request.query.get("state") == "review"
        return web.Response(body=encode([doubtful, *old] if held else newest))

    application = web.Application()
    application.router.add_get("/v1/jobs", answer)
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        found = await IngestJobs(session, str(server.make_url("/")), Clockwork()).recent()

    assert [one.job_id for one in found] == [*(one.job_id for one in newest), "a2", "a1"]
    assert [one.job_id for one in shown(found).held] == ["n050", "a2", "a1"]


async def test_an_ingest_that_hangs_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_plane.dashboard.jobs.ANSWER_WITHIN", 0.3)
    hangs = asyncio.Event()
    asked = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await hangs.wait()
        return web.Response()

    application = web.Application()
    application.router.add_get("/v1/jobs", answer)
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        jobs = IngestJobs(session, str(server.make_url("/")), Clockwork())
        looks = [jobs.recent() for _ in range(5)]
        found = await asyncio.gather(*looks, return_exceptions=True)
        hangs.set()

    assert asked == 2
    assert {str(one) for one in found} == {"Ingest does not tell its jobs: TimeoutError."}
