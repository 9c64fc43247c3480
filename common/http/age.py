"""Age: how old a response was when a cache before this one sent it (RFC 9111 §5.1)."""

from collections.abc import Iterable

from common.http.cache_control import parse_delta_seconds


def parse_age(lines: Iterable[str]) -> int | None:
    """The seconds that Age tells, LONGEST_DELTA at most; None when it has to be ignored.

    Of a list the first member counts, as §5.1 recommends. One that is no whole number of seconds
    is ignored, and so are the members after it: what they count from, nobody knows.
    """
    members = (part.strip(" \t") for line in lines for part in line.split(","))
    first = next((member for member in members if member), "")
    return parse_delta_seconds(first)
