"""Requests that no cache answers: passed on with their content, and what they make worthless."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from common.errors import NearcastError
from common.http.fields import Fields
from edge.fetch.fetches import Fetches
from edge.fetch.outcomes import Ask, Coming, Passing
from edge.policy.invalidation import targets_to_invalidate
from edge.policy.keys import KeyRules
from edge.policy.limits import Pace
from edge.serve.errors import ContentSlow
from edge.serve.reply import limits_of
from edge.serve.requests import Visit


async def pass_on(visit: Visit, ask: Ask, fetches: Fetches, rules: KeyRules) -> Passing | Coming:
    """The response to a request of any method; what it changes is forgotten (RFC 9111 §4.4).

    Raises:
        NearcastError: there is none.
    """
    body = uploaded(visit) if visit.has_content else None
    length = visit.raw.content_length if visit.has_content else None
    outcome = await fetches.pass_on(ask, body, length)
    if isinstance(outcome, Passing):
        status, fields = outcome.response.status, outcome.response.fields
    else:
        status, fields = 200, Fields(outcome.arriving.stored.fields)
    for target in targets_to_invalidate(visit.request, status, fields):
        if isinstance(outcome, Coming) and target == visit.request.target:
            # What was there is forgotten already, and is not what is being stored.
            continue
        await fetches.invalidate(_key_of(visit, target, rules))
    return outcome


def _key_of(visit: Visit, target: str, rules: KeyRules) -> str:
    request = visit.request
    try:
        counted = rules.target(target)
    except NearcastError:
        counted = target
    return rules.key(request.scheme, request.host, counted)


async def uploaded(visit: Visit) -> AsyncGenerator[bytes, None]:
    """The content of a request.

    Raises:
        ContentSlow: it comes too slowly.
    """
    limits, loop = limits_of(visit.raw), asyncio.get_running_loop()
    pace = Pace(limits.content_bytes_per_second, limits.content_seconds)
    while True:
        since, piece = loop.time(), None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pace.left):
                piece = await visit.raw.content.readany()
        if piece == b"":
            return
        if not pace.holds(len(piece or b""), loop.time() - since):
            raise ContentSlow
        if piece is not None:
            yield piece
