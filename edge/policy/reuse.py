"""May a stored response answer a request (RFC 9111 §4, §5.2.1; RFC 5861)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from common.http import CacheControl, parse_cache_control
from common.http.fields import Fields
from edge.policy.stored import Stored
from edge.policy.vary import matches


class Verdict(Enum):
    """What a stored response is good for."""

    FRESH = "fresh"
    """It is the answer."""
    ALLOWED_STALE = "allowed stale"
    """It is the answer though stale: the viewer accepts that (max-stale)."""
    STALE_WHILE_REVALIDATE = "stale while revalidate"
    """It is the answer, and is validated besides (RFC 5861 §3)."""
    VALIDATE = "validate"
    """The origin has to be asked first."""


class Trouble(Enum):
    """How an attempt to validate failed."""

    DISCONNECTED = "disconnected"
    """No answer: no connection, a stall, a broken response."""
    SERVER_ERROR = "server error"
    """500, 502, 503 or 504 (RFC 5861 §4)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and its word in Cache-Status (RFC 9211 §2.2)."""

    verdict: Verdict
    fwd: Literal["request", "stale"] | None = None
    """None for what is fresh."""


FRESH = Judged(Verdict.FRESH)
_STALE = Judged(Verdict.VALIDATE, "stale")
_ASKED = Judged(Verdict.VALIDATE, "request")
_NOTHING = CacheControl()
_NO_CACHE = CacheControl({"no-cache": (None,)})


def request_directives(fields: Fields) -> CacheControl:
    """The Cache-Control of a request; Pragma: no-cache where it has none (§5.4).

    A condition that no cache may judge by what it has stored (§4.3.2) has the origin asked too.
    """
    found = _NOTHING
    if "cache-control" in fields:
        found = parse_cache_control(fields.lines("cache-control"))
    elif "pragma" in fields and "no-cache" in parse_cache_control(fields.lines("pragma")):
        found = _NO_CACHE
    if "if-match" in fields or "if-unmodified-since" in fields:
        return CacheControl({**found.directives, **_NO_CACHE.directives})
    return found


def select(variants: Sequence[Stored], fields: Fields) -> Stored | None:
    """The stored response that a request with ``fields`` selects, the newest first (§4.1)."""
    suited = [stored for stored in variants if matches(stored.selecting, fields)]
    return max(suited, key=lambda stored: stored.received_at, default=None)


def judge_reuse(stored: Stored, asked: CacheControl, now: float) -> Judged:
    """What ``stored`` is good for at ``now``, for a request with the directives ``asked``."""
    left = stored.freshness_at(now)
    if stored.validate_always:
        return _STALE
    refused = _refused(stored, asked, now, left) if asked.directives else None
    if refused is not None:
        return refused
    return FRESH if left > 0 else _judge_stale(stored, asked, -left)


def _judge_stale(stored: Stored, asked: CacheControl, stale_for: float) -> Judged:
    if stored.never_stale:
        return _STALE
    if _accepts_stale(asked, stale_for):
        return Judged(Verdict.ALLOWED_STALE, "stale")
    if stale_for <= stored.stale_while_revalidate > 0:
        return Judged(Verdict.STALE_WHILE_REVALIDATE, "stale")
    return _STALE


def may_serve_on(trouble: Trouble, stored: Stored, asked: CacheControl, now: float) -> bool:
    """Whether ``stored`` may be the answer because validating it failed (§4.2.4, RFC 5861 §4).

    Without a word on stale-if-error it may while the origin is cut off, but an error of the
    origin's own is passed on.
    """
    if stored.never_stale or stored.validate_always or "no-cache" in asked:
        return False
    stale_for = max(0.0, -stored.freshness_at(now))
    wanted = asked.seconds("stale-if-error")
    if wanted is not None and stale_for <= wanted > 0:
        return True
    if stored.stale_if_error is not None:
        return stale_for <= stored.stale_if_error > 0
    return wanted is None and trouble is Trouble.DISCONNECTED


def _refused(stored: Stored, asked: CacheControl, now: float, left: float) -> Judged | None:
    """The verdict on a request that wants it fresher than it is; None when it suits."""
    if "no-cache" in asked:
        return _ASKED
    oldest = asked.seconds("max-age")
    if oldest is not None and stored.age_at(now) > oldest and not _accepts_stale(asked, -left):
        return _ASKED
    if oldest == 0:
        return _ASKED
    margin = asked.seconds("min-fresh")
    if margin is not None and left < margin:
        return _ASKED
    return None


def _accepts_stale(asked: CacheControl, stale_for: float) -> bool:
    """Whether max-stale covers ``stale_for`` seconds; without a value it covers any (§5.2.1.2)."""
    values = asked.directives.get("max-stale")
    if values is None:
        return False
    return values[0] is None or stale_for <= (asked.seconds("max-stale") or 0)
