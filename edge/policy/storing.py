"""May a response be stored, and what is to be known of it for its reuse (RFC 9111 §3)."""

import re
from dataclasses import dataclass

from common.http import CacheControl, parse_cache_control
from common.http.fields import Fields, Pairs, split_list
from edge.policy.forwarding import stored_fields
from edge.policy.freshness import HEURISTIC_STATUSES, governing, initial_age, lifetime_under
from edge.policy.invalidation import same_origin_target
from edge.policy.messages import Request, Response
from edge.policy.stored import Stored
from edge.policy.vary import selecting_fields, selecting_names

MOST_TAGS = 256
"""Surrogate keys of one response; further ones are not kept, and the response is not stored."""
LONGEST_TAG = 1024
_UNDERSTOOD = HEURISTIC_STATUSES | frozenset({302, 303, 307, 400, 401, 403, 416})
"""Statuses whose caching rules this edge follows, for must-understand (§5.2.2.3)."""
_NEVER_STALE = frozenset({"must-revalidate", "proxy-revalidate", "s-maxage"})
_TAG_FIELDS = frozenset({"surrogate-key", "cache-tag"})
_TAGS = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class Storing:
    """Whether a response is stored."""

    stored: Stored | None
    """What to store, its number, size and held bytes still to be told; None for not at all."""
    why_not: str = ""
    """A word for logs and for Cache-Status' detail."""
    unshared: Pairs = ()
    """Fields that are not stored, as ``no-cache="…"`` or ``private="…"`` name them: whoever asked
    gets them, and nobody else (§5.2.2.4, §5.2.2.7)."""

    @property
    def shared(self) -> bool:
        """Whether those who wait for the same may have it too: it is reusable as it arrives."""
        found = self.stored
        if found is None or found.validate_always:
            return False
        return found.freshness_at(found.received_at) + found.stale_while_revalidate > 0


def judge_storing(
    request: Request,
    response: Response,
    *,
    heuristic: float = 0.0,
    negative: float = 0.0,
    sequence: int = 0,
) -> Storing:
    """Whether a shared cache may store ``response``, and wants to.

    Args:
        request: what was asked, conditions and ranges of the edge's own aside.
        response: what came; a 206 is judged as the 200 that it is a part of.
        heuristic: as ``freshness.lifetime``.
        negative: as ``freshness.lifetime``.
        sequence: the number of the last purge when the request was sent.
    """
    control, targeted = governing(response.fields)
    fresh = lifetime_under(control, response, heuristic, negative, targeted=targeted)
    reason = _forbidden(request, response, control, fresh)
    names = selecting_names(response.fields)
    if not reason and names is None:
        reason = "vary"
    tags = surrogate_keys(response.fields)
    if not reason and tags is None:
        reason = "too-many-tags"
    if reason or names is None or tags is None:
        return Storing(None, reason)
    uncached = control.field_names("no-cache")
    unshared = (control.field_names("private") or frozenset()) | (uncached or frozenset())
    stored = Stored(
        number=0,
        status=200 if response.status == 206 else response.status,
        reason="OK" if response.status == 206 else response.reason,
        fields=stored_fields(response.fields, unshared),
        selecting=selecting_fields(names, request.fields),
        size=0,
        held=(),
        received_at=response.received_at,
        age=initial_age(response),
        lifetime=fresh or 0.0,
        stale_while_revalidate=float(control.seconds("stale-while-revalidate") or 0),
        stale_if_error=_optional(control.seconds("stale-if-error")),
        validate_always=uncached == frozenset(),
        never_stale=not _NEVER_STALE.isdisjoint(control.directives),
        tags=tags,
        sequence=sequence,
    )
    if not _worth_it(stored):
        return Storing(None, "no-use")
    if not unshared:
        return Storing(stored)
    passed = stored_fields(response.fields, frozenset())
    told = tuple(pair for pair in passed if pair[0].lower() in unshared)
    return Storing(stored, unshared=told)


def surrogate_keys(fields: Fields) -> tuple[str, ...] | None:
    """The keys in Surrogate-Key (separated by spaces) and Cache-Tag (by commas).

    Returns:
        None when there are more than may be kept: a purge must not miss one.
    """
    if fields.lacks(_TAG_FIELDS):
        return ()
    found = [key for line in fields.lines("surrogate-key") for key in _TAGS.split(line) if key]
    found += [
        member.strip('"') for line in fields.lines("cache-tag") for member in split_list(line)
    ]
    keys = tuple(dict.fromkeys(found))
    if len(keys) > MOST_TAGS or any(len(key) > LONGEST_TAG for key in keys):
        return None
    return keys


def _forbidden(
    request: Request, response: Response, control: CacheControl, fresh: float | None
) -> str:
    """Why ``response`` must not be stored (§3); empty when it may be."""
    asked = request.fields.lines("cache-control")
    if asked and "no-store" in parse_cache_control(asked):
        return "request-no-store"
    if response.status == 304 or response.status < 200:
        return "status"
    if "must-understand" in control:
        if response.status not in _UNDERSTOOD:
            return "must-understand"
    elif "no-store" in control:
        return "no-store"
    if not _shareable(request, control):
        return "private"
    return _unsuited(request, response, control, fresh)


def _shareable(request: Request, control: CacheControl) -> bool:
    """Whether a shared cache may have it (§5.2.2.7), a viewer's credential or not (§3.5)."""
    if control.field_names("private") == frozenset():
        return False
    return "authorization" not in request.fields or any(
        name in control for name in ("public", "must-revalidate", "s-maxage")
    )


def _unsuited(
    request: Request, response: Response, control: CacheControl, fresh: float | None
) -> str:
    if request.method == "POST":
        # RFC 9110 §9.3.3: only for later GETs of a URL that the response says it stands for.
        location = response.fields.get("content-location")
        own = location is not None and same_origin_target(request, location) == request.target
        return "" if own and fresh and response.status == 200 else "method"
    if request.method != "GET":
        return "method"
    explicit = fresh is not None or "public" in control
    return "" if explicit or response.status in HEURISTIC_STATUSES else "status"


def _worth_it(stored: Stored) -> bool:
    """Whether it can ever be reused: fresh, validated, or stale where that is allowed."""
    if stored.freshness_at(stored.received_at) > 0:
        return True
    if stored.field("etag") is not None or stored.field("last-modified") is not None:
        return True
    return stored.stale_while_revalidate > 0 or bool(stored.stale_if_error)


def _optional(seconds: int | None) -> float | None:
    return None if seconds is None else float(seconds)
