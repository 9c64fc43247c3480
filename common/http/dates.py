"""HTTP dates: the form that is sent and the three that must be read (RFC 9110 §5.6.7)."""

import functools
import re
from datetime import UTC, datetime
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTH: Final = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME: Final = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS: Final = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_LONGEST: Final = len("Wednesday, 06-Nov-94 08:49:37 GMT")
_FIXED: Final = len("Sun, 06 Nov 1994 08:49:37 GMT")


def format_http_date(seconds: float) -> str:
    """The IMF-fixdate of a POSIX time; parts of a second are dropped."""
    moment = datetime.fromtimestamp(int(seconds), UTC)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} "
        f"{moment.year:04d} {moment:%H:%M:%S} GMT"
    )


def parse_http_date(field: str, *, now: float) -> int | None:
    """The POSIX time that ``field`` tells, in whole seconds; None when it is no HTTP date.

    Args:
        field: a date in IMF-fixdate, RFC 850 or asctime form.
        now: POSIX time; a year of two digits is taken to lie at most 50 years after it.
    """
    text = field.strip(" \t")
    if len(text) > _LONGEST:
        return None
    # Only a year of two digits depends on the time.
    return _parse(text, now if len(text) > _FIXED and "-" in text else 0.0)


@functools.lru_cache(4096)
def _parse(text: str, now: float) -> int | None:
    match = next((found for form in _FORMS if (found := form.fullmatch(text))), None)
    if match is None:
        return None
    # A leap second has no POSIX time of its own: it is read as the one before.
    second = min(int(match["second"]), 59) if match["second"] == "60" else int(match["second"])
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _full_year(year, now)
    try:
        moment = datetime(
            year,
            _MONTHS.index(match["month"]) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            second,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return int(moment.timestamp())


def _full_year(two_digits: int, now: float) -> int:
    this_year = datetime.fromtimestamp(now, UTC).year
    year = this_year - this_year % 100 + two_digits
    return year - 100 if year > this_year + 50 else year
