"""The express lane put together."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.policy.limits import RequestRate
from edge.policy.messages import Request
from edge.serve.access_log import AccessLog
from edge.serve.crowd import Crowds
from edge.serve.express import Express
from edge.serve.hot import HotObjects
from edge.serve.leading import Leading
from edge.serve.ready import Means
from edge.serve.tokens import Tokens
from edge.workers import Siblings


@dataclass(frozen=True, slots=True)
class Lane:
    """An express lane and what stands behind it."""

    express: Express
    hot: HotObjects
    crowds: Crowds


def express_lane(
    means: Means,
    *,
    scheme: str,
    log: AccessLog | None,
    watched: Callable[[str, Request], None],
    tokens: Tokens | None,
    rate: RequestRate | None,
    siblings: Siblings | None,
) -> Lane:
    """An express lane that answers with ``means``; the rest is as its parts say."""
    before = "" if tokens is None else "/t/-"
    hot = HotObjects(means, scheme=scheme, watched=watched, before=before)
    crowds = Crowds(means)
    leading = Leading(means, watched=watched, siblings=siblings)
    express = Express(
        hot,
        crowds,
        leading,
        means.clock,
        means.rules,
        scheme=scheme,
        log=log,
        tokens=tokens,
        rate=rate,
        words=means.counters.words if means.rules.objects_only else None,
    )
    return Lane(express, hot, crowds)
