"""May a response be stored, and for how long is it fresh (RFC 9111 §3, §4.2).

Without freshness information a response is fresh for 0 seconds: an edge invents nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from common.http import CacheControl, parse_cache_control, parse_http_date


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a response's fields say of storing it."""

    storable: bool
    fresh_until: float
    """POSIX seconds; not after ``received_at`` when it is stale from the start."""
    age: int
    """Seconds that it was old when it came (§4.2.3)."""
    servable_stale: bool
    """Whether it may be served stale while its origin cannot be reached (§4.2.4)."""


def judge_response(status: int, fields: Mapping[str, str], *, received_at: float) -> Freshness:
    """What to do with a response to a GET without conditions or ranges.

    Args:
        status: its status code.
        fields: its fields by lower-case name, several lines of one name joined with commas.
        received_at: when its head came, POSIX seconds.
    """
    control = parse_cache_control([fields.get("cache-control", "")])
    age = _age(fields, received_at)
    lifetime = _lifetime(control, fields, received_at)
    # A shared cache of public objects: whatever limits sharing is not stored at all (§3, §3.5).
    limited = any(name in control for name in ("no-store", "private", "no-cache"))
    varies = bool(fields.get("vary", "").strip())
    return Freshness(
        storable=status == 200 and not limited and not varies and lifetime > age,
        fresh_until=received_at + lifetime - age,
        age=age,
        servable_stale=not any(
            name in control for name in ("must-revalidate", "proxy-revalidate", "s-maxage")
        ),
    )


def _lifetime(control: CacheControl, fields: Mapping[str, str], received_at: float) -> int:
    """Seconds (§4.2.1): of s-maxage, max-age and Expires the first that is there."""
    for directive in ("s-maxage", "max-age"):
        seconds = control.seconds(directive)
        if seconds is not None:
            return seconds
    if "expires" not in fields:
        return 0
    expires = parse_http_date(fields["expires"], now=received_at)
    date = parse_http_date(fields.get("date", ""), now=received_at)
    return 0 if expires is None else max(0, int(expires - (date or received_at)))


def _age(fields: Mapping[str, str], received_at: float) -> int:
    """Seconds (§4.2.3), the time of the exchange itself left out: it is far below one."""
    told = fields.get("age", "0").split(",")[0].strip()
    age_value = int(told) if told.isascii() and told.isdigit() and len(told) < 11 else 0
    date = parse_http_date(fields.get("date", ""), now=received_at)
    apparent = max(0, int(received_at - date)) if date is not None else 0
    return max(age_value, apparent)
