"""Telling an operator's webhook of a job: signed, and repeated until it is taken.

The signature is that of the Standard Webhooks specification 1.0.0: ``webhook-signature`` is ``v1,``
and the base64 of HMAC-SHA256 over ``{webhook-id}.{webhook-timestamp}.{body}``. The id is the same
each time that a message is repeated.
"""

import asyncio
import base64
import hashlib
import hmac
from typing import Final

import aiohttp

from common.errors import NearcastError, Unavailable
from common.messages import JobEvent, JobState, encode
from ingest.jobs.graph import TOLD
from ingest.jobs.tasks.tools import Tools
from ingest.jobs.view import view_of
from ingest.jobs.worker import Assignment, TaskPostponed

ANSWER_WITHIN: Final = 15.0
"""Seconds; what the specification suggests."""


class WebhookRefused(NearcastError):
    """The webhook {name} answered {status}."""

    status = 502


async def notify(tools: Tools, assignment: Assignment) -> None:
    """Tells one webhook of one change.

    Raises:
        TaskPostponed: the job has not come so far.
        Unavailable, WebhookRefused: to be tried again.
    """
    job, task = assignment.job, assignment.task
    _, event, name = task.name.split("-", 2)
    hook = tools.webhooks.get(name)
    if hook is None or event not in hook.events:
        return
    if event != TOLD[JobState.REVIEW]:
        if not job.state.final:
            raise TaskPostponed(reason="the job has not ended")
        if TOLD.get(job.state) != event:
            return
    elif not (job.state.final or job.state in {JobState.REVIEW, JobState.PUBLISHING}):
        raise TaskPostponed(reason="the job is not held yet")
    view = view_of(job, await tools.jobs.tasks([job.job_id]))
    body = encode(JobEvent(f"job.{event}", view))
    sent_at = str(int(tools.clock.now()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": task.task_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": signature(hook.key, task.task_id, sent_at, body),
    }
    try:
        async with (
            asyncio.timeout(ANSWER_WITHIN),
            tools.outside.post(
                hook.url, data=body, headers=headers, allow_redirects=False
            ) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(what=f"the webhook {name}", reason=reason) from error
    if not 200 <= status < 300:
        raise WebhookRefused(name=name, status=status)


def signature(key: bytes, message_id: str, sent_at: str, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    told = b".".join((message_id.encode(), sent_at.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, told, hashlib.sha256)).decode()
