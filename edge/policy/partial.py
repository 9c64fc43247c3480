"""Partial responses: what came, and whether it may be combined (RFC 9110 §14.4, RFC 9111 §3.4)."""

import re
from dataclasses import dataclass

from common.http import parse_entity_tag, parse_http_date
from edge.policy.stored import Stored

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ContentRange:
    """The bytes from ``start`` up to, without, ``stop``, of ``size``, None when untold."""

    start: int
    stop: int
    size: int | None


def read_content_range(field: str | None) -> ContentRange | None:
    """The range that a Content-Range tells; None when it is absent or breaks its grammar."""
    match = _CONTENT_RANGE.fullmatch(field.strip(" \t")) if field else None
    if match is None:
        return None
    start, stop = int(match[1]), int(match[2]) + 1
    size = None if match[3] == "*" else int(match[3])
    if start >= stop or (size is not None and stop > size):
        return None
    return ContentRange(start, stop, size)


def strong_validator(stored: Stored) -> str | None:
    """The validator for If-Range: a strong entity tag, or a date that is as good as one.

    Last-Modified is strong when it lies a second before Date (RFC 9110 §8.8.2.2).
    """
    field = stored.field("etag")
    if field is not None:
        etag = parse_entity_tag(field)
        return field if etag is not None and not etag.weak else None
    modified, date = stored.field("last-modified"), stored.field("date")
    if modified is None or date is None:
        return None
    then = parse_http_date(modified, now=stored.received_at)
    sent = parse_http_date(date, now=stored.received_at)
    return modified if then is not None and sent is not None and then < sent else None


def same_representation(left: Stored, right: Stored) -> bool:
    """Whether partial responses may be combined: they share one strong validator (§3.4)."""
    validator = strong_validator(left)
    return validator is not None and validator == strong_validator(right)
