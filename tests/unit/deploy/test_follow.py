"""What is told while a job is followed."""

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.messages import JobState, JobView, StageView
from deploy.client import Api
from deploy.progress import ProgressDisplay
from deploy.upload import JobFailed, follow_encode

JOB = JobView(
    job_id="j",
    asset_id="a",
    version="v",
    title="t",
    state=JobState.QUEUED,
    percent=0,
    stages=(),
    speed=None,
    seconds_left=None,
    error=None,
    created_at=0,
    updated_at=0,
)


async def told(*seen: tuple[JobState, float]) -> list[str]:
    """The lines about a job whose last stage ingest shows as ``seen``, one look after the other."""
    views = [
        msgspec.json.encode(
            msgspec.structs.replace(JOB, state=state, stages=(StageView("publish", percent),))
        )
        for state, percent in seen
    ]
    lines: list[str] = []

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=views.pop(0), content_type="application/json")

    app = web.Application()
    app.router.add_get("/v1/jobs/j", show)
    async with TestServer(app) as server:
        url = str(server.make_url(""))
        api = await Api.open(ingest=url, control=url, token="", ca=None)
        try:
            with ProgressDisplay(lines.append) as display:
                await follow_encode(api, "j", display)
        except JobFailed as error:
            lines.append(str(error))
        finally:
            await api.close()
    return lines


async def test_the_last_stage_ends_with_the_job() -> None:
    lines = await told((JobState.PUBLISHING, 0), (JobState.DONE, 100))

    assert lines == ["Publish: 0%", "Publish: 100%"]


async def test_a_job_that_fails_at_the_last_stage_was_never_told_as_done() -> None:
    lines = await told((JobState.PUBLISHING, 0), (JobState.FAILED, 0))

    assert lines[0] == "Publish: 0%"
    assert not any("100%" in line for line in lines)
    assert lines[-1].startswith("The video could not be published")


async def test_a_job_that_is_held_says_so_once() -> None:
    lines = await told((JobState.REVIEW, 0), (JobState.REVIEW, 0), (JobState.DONE, 100))

    assert [line for line in lines if line.startswith("Held for review")] == [lines[1]]
