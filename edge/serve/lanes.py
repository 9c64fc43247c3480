"""The express lane put together."""

from collections.abc import Callable
from dataclasses import dataclass

from common.clock import Clock
from edge.fetch.fetches import Fetches
from edge.policy.keys import KeyRules
from edge.policy.limits import RequestRate
from edge.policy.messages import Request
from edge.serve.access_log import AccessLog
from edge.serve.counters import Counters
from edge.serve.crowd import Crowds
from edge.serve.express import Express
from edge.serve.hot import HotObjects
from edge.serve.leading import Leading
from edge.serve.sending import Sender
from edge.serve.tokens import Tokens
from edge.store import Cache
from edge.workers import Siblings


@dataclass(frozen=True, slots=True)
class Lane:
    """An express lane and what stands behind it."""

    express: Express
    hot: HotObjects
    crowds: Crowds


def express_lane(
    cache: Cache,
    fetches: Fetches,
    clock: Clock,
    rules: KeyRules,
    sender: Sender,
    counters: Counters,
    *,
    name: str,
    scheme: str,
    log: AccessLog | None,
    watched: Callable[[str, Request], None],
    tokens: Tokens | None,
    rate: RequestRate | None,
    siblings: Siblings | None,
) -> Lane:
    """An express lane that answers from ``cache`` and ``fetches``; the rest is as its parts say."""
    lines = log.lines if log is not None else None
    hot = HotObjects(
        cache,
        fetches,
        clock,
        rules,
        sender,
        counters,
        name=name,
        scheme=scheme,
        lines=lines,
        watched=watched,
        before="" if tokens is None else "/t/-",
    )
    crowds = Crowds(cache, fetches, clock, rules, sender, counters, name=name, lines=lines)
    leading = Leading(
        cache,
        fetches,
        clock,
        rules,
        sender,
        counters,
        name=name,
        lines=lines,
        watched=watched,
        siblings=siblings,
    )
    express = Express(
        hot, crowds, leading, clock, rules, scheme=scheme, log=log, tokens=tokens, rate=rate
    )
    return Lane(express, hot, crowds)
