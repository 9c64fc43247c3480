"""How long a response is fresh, and how old it is (RFC 9111 §4.2).

Without freshness information a response is fresh for 0 seconds: an edge invents nothing, unless its
settings ask for heuristic freshness (§4.2.2).
"""

from common.http import CacheControl, parse_cache_control, parse_http_date
from common.http.age import parse_age
from common.http.fields import Fields
from common.http.targeted import parse_targeted
from edge.policy.messages import Response

LONGEST_HEURISTIC = 24 * 3600.0
"""Seconds: what is fresh by guess is asked for again within a day."""
HEURISTIC_STATUSES = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""Statuses that may be fresh by guess (RFC 9110 §15.1)."""


def governing(fields: Fields) -> tuple[CacheControl, bool]:
    """The directives that hold for an edge, and whether they are targeted ones (RFC 9213 §2.2).

    Where CDN-Cache-Control is valid, Cache-Control and Expires mean nothing to it.
    """
    targeted = parse_targeted(fields.lines("cdn-cache-control"))
    if targeted is not None:
        return targeted, True
    return parse_cache_control(fields.lines("cache-control")), False


def lifetime(response: Response, *, heuristic: float = 0.0, negative: float = 0.0) -> float | None:
    """Seconds that ``response`` is fresh (§4.2.1); None when nothing tells.

    Args:
        response: the response.
        heuristic: the part of the time since Last-Modified that it is fresh for when the origin
            tells nothing; 0 for never.
        negative: seconds that a 404 or 410 is fresh for when the origin tells nothing.
    """
    control, targeted = governing(response.fields)
    return lifetime_under(control, response, heuristic, negative, targeted=targeted)


def lifetime_under(
    control: CacheControl, response: Response, heuristic: float, negative: float, *, targeted: bool
) -> float | None:
    """As ``lifetime``, with what ``governing`` answers."""
    for directive in ("s-maxage", "max-age"):
        seconds = control.seconds(directive)
        if seconds is not None:
            return float(seconds)
    if not targeted and "expires" in response.fields:
        return _until_expires(response)
    if negative > 0 and response.status in {404, 410}:
        return negative
    if heuristic > 0 and (response.status in HEURISTIC_STATUSES or "public" in control):
        return _guessed(response, heuristic)
    return None


def initial_age(response: Response) -> float:
    """Seconds that ``response`` was old when it came (§4.2.3, corrected_initial_age)."""
    ages = response.fields.lines("age")
    told = (parse_age(ages) or 0) if ages else 0
    return corrected_age(told, date_of(response), response.requested_at, response.received_at)


def corrected_age(told: int, date: int | None, requested_at: float, received_at: float) -> float:
    """The corrected_initial_age of §4.2.3, from what Age and Date tell; POSIX seconds."""
    delay = max(0.0, received_at - requested_at)
    apparent = max(0.0, received_at - date) if date is not None else 0.0
    # Date has whole seconds: less than one of them is no age.
    apparent = 0.0 if apparent < 1 else apparent
    return max(apparent, told + delay)


def date_of(response: Response) -> int | None:
    """The time in Date; None when there is none that can be read."""
    lines = response.fields.lines("date")
    return parse_http_date(lines[0], now=response.received_at) if lines else None


def _until_expires(response: Response) -> float:
    lines = response.fields.lines("expires")
    # Several Expires, or one that is no date, are in the past (§5.3).
    expires = parse_http_date(lines[0], now=response.received_at) if len(set(lines)) == 1 else None
    if expires is None:
        return 0.0
    date = date_of(response)
    return max(0.0, expires - (response.received_at if date is None else date))


def _guessed(response: Response, heuristic: float) -> float | None:
    lines = response.fields.lines("last-modified")
    modified = parse_http_date(lines[0], now=response.received_at) if lines else None
    if modified is None:
        return None
    date = date_of(response)
    unchanged = (response.received_at if date is None else date) - modified
    return min(max(0.0, unchanged * heuristic), LONGEST_HEURISTIC)
