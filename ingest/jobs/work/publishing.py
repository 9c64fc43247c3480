"""Publishing: telling the control plane of a version, until it has taken note."""

import asyncio
from typing import Final

import aiohttp
import msgspec

from common.errors import NearcastError, Unavailable
from common.messages import encode
from ingest.jobs.model import TaskKind
from ingest.jobs.work.tools import Packaged, Tools
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
    task = await tools.task_of(assignment.job, TaskKind.PACKAGE)
    packaged = msgspec.json.decode(task.result, type=Packaged)
    try:
        async with (
            asyncio.timeout(ANSWER_WITHIN),
            tools.session.post(
                f"{tools.control.rstrip('/')}/v1/packages",
                data=encode(packaged.announcement),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as answer,
        ):
            body = await answer.content.read(LARGEST_ANSWER)
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(what="the control plane", reason=reason) from error
    if 200 <= status < 300:
        return
    reason = _detail(body) or f"it answered {status}."
    if 400 <= status < 500 and status not in NOT_NOW:
        raise PublishRefused(reason=reason)
    raise Unavailable(what="the control plane", reason=reason.rstrip("."))


class _Problem(msgspec.Struct):
    detail: str


def _detail(body: bytes) -> str | None:
    """What a problem document says (RFC 9457), if the answer is one."""
    try:
        return msgspec.json.decode(body, type=_Problem).detail[:500]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
