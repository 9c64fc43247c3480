"""Publishing: telling the control plane of a version, until it has taken note."""

import asyncio
from typing import Final

import aiohttp
import msgspec

from common.errors import NearcastError, Unavailable
from common.messages import PackageAnnouncement, encode
from ingest.jobs.model import PACKAGE_FIRST, PUBLISH_FIRST, Job, TaskKind, TaskState
from ingest.jobs.tasks.copying import CopyResult
from ingest.jobs.tasks.tools import Packaged, Tools
from ingest.jobs.worker import Assignment

ANSWER_WITHIN: Final = 30.0
"""Seconds."""
LARGEST_ANSWER: Final = 64 * 1024

NOT_NOW: Final = frozenset({401, 403, 404, 408, 409, 425, 429})
"""Refusals that an operator or time puts right: a wrong credential, a control plane elsewhere."""


class PublishRefused(NearcastError):
    """The control plane refuses the version: {reason}"""

    status = 422


async def publish(tools: Tools, assignment: Assignment) -> None:
    """Announces the version; doing it twice is doing it once.

    Raises:
        PublishRefused: the control plane says that the announcement is wrong.
        Unavailable: it does not answer, or not now.
    """
    first = assignment.task.name == PUBLISH_FIRST
    announcement = await _announcement(tools, assignment.job, first=first)
    status, reason = await _ask(tools, "POST", "/v1/packages", encode(announcement))
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in NOT_NOW:
        raise PublishRefused(reason=reason)
    raise Unavailable(what="the control plane", reason=reason.rstrip("."))


async def withdraw(tools: Tools, job: Job, version: str) -> None:
    """Takes back a version of ``job``: from now on the control plane refuses it.

    It was announced perhaps, or is being announced still by somebody who was held up.

    Raises:
        Unavailable: the control plane does not answer, or not now.
    """
    path = f"/v1/packages/{job.asset_id}/{version}"
    status, reason = await _ask(tools, "DELETE", path)
    if not 200 <= status < 300:
        raise Unavailable(what="the control plane", reason=reason.rstrip("."))


async def _ask(tools: Tools, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    """The control plane's status, and its reason in one sentence.

    Raises:
        Unavailable: there is no answer.
    """
    try:
        async with (
            asyncio.timeout(ANSWER_WITHIN),
            tools.session.request(
                method,
                tools.control.rstrip("/") + path,
                data=body,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as answer,
        ):
            said = await answer.content.read(LARGEST_ANSWER)
            return answer.status, _detail(said) or f"it answered {answer.status}."
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(what="the control plane", reason=reason) from error


async def _announcement(tools: Tools, job: Job, *, first: bool) -> PackageAnnouncement:
    copy = await tools.jobs.task(f"{job.job_id}-{TaskKind.COPY}")
    if copy is not None and copy.state is TaskState.DONE:
        copied = msgspec.json.decode(copy.result, type=CopyResult).announcement
        if copied is not None:
            return copied
    package = await tools.task_of(job, PACKAGE_FIRST if first else TaskKind.PACKAGE)
    return msgspec.json.decode(package.result, type=Packaged).announcement


class _Problem(msgspec.Struct):
    detail: str


def _detail(body: bytes) -> str | None:
    """What a problem document says (RFC 9457), if the answer is one."""
    try:
        return msgspec.json.decode(body, type=_Problem).detail[:500]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
