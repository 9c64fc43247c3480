"""What is told while a job is followed: 100 % means that it is done."""

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.messages import JobState, JobView
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
    """The lines about a job that ingest shows as ``seen``, one look after the other."""
    views = [
        msgspec.json.encode(msgspec.structs.replace(JOB, state=state, percent=percent))
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


@pytest.mark.parametrize("percent", [99.6, 100])
async def test_the_last_step_is_not_told_as_the_end(percent: float) -> None:
    lines = await told((JobState.PUBLISHING, percent), (JobState.DONE, 100))

    assert lines == ["Encode: 99% (publishing)", "Encode: 100% (done)"]


async def test_a_job_that_fails_at_the_last_step_was_never_told_as_done() -> None:
    lines = await told((JobState.PUBLISHING, 100), (JobState.FAILED, 100))

    assert lines[0] == "Encode: 99% (publishing)"
    assert not any("100%" in line for line in lines)
    assert lines[-1].startswith("The video could not be published")
