"""Responses so plain that one look at their heads tells where they end (RFC 9112 §4, §6.3).

What is recognised means the same to every reader of HTTP/1.1: a final response with content, whose
one Content-Length says how much, its field lines in the strict form of RFC 9110 §5.5. Anything
else, the smallest doubt included, is not recognised, which says nothing about whether it is right.
"""

import re
from dataclasses import dataclass

from common.http.fields import Pairs
from edge.policy.recognising import FIELD_LINE, FRAMING

LONGEST_HEAD = 16384
"""Bytes of a response's head; longer ones are not recognised."""
MOST_FIELDS = 128
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2}) ([!-~]+(?: [!-~]+)*)?")
_LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)
_CONTENTLESS = frozenset({204, 205, 304})
_CONNECTION = FRAMING - {"content-length"}


@dataclass(frozen=True, slots=True)
class PlainResponse:
    """The head of a recognised response to a GET."""

    status: int
    reason: str
    fields: Pairs
    length: int
    """Bytes of content."""
    end: int
    """Where in what was read the content begins."""


def read_plain_response(data: bytes) -> PlainResponse | None:
    """The response to a GET whose head ``data`` begins with; None in doubt."""
    end = data.find(b"\r\n\r\n")
    if not 0 <= end <= LONGEST_HEAD:
        return None
    first, *lines = data[:end].split(b"\r\n")
    status = _STATUS.fullmatch(first)
    fields = _read_fields(lines)
    if status is None or fields is None or int(status[1]) in _CONTENTLESS:
        return None
    lengths = [value for name, value in fields if name.lower() == "content-length"]
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
        return None
    reason = (status[2] or b"").decode()
    return PlainResponse(int(status[1]), reason, fields, int(lengths[0]), end + 4)


def _read_fields(lines: list[bytes]) -> Pairs | None:
    fields: list[tuple[str, str]] = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if match is None:
            return None
        name, value = match[1].decode(), match[2].decode()
        lowered = name.lower()
        if lowered in _CONNECTION and (lowered != "connection" or value.lower() != "keep-alive"):
            return None
        fields.append((name, value))
    return tuple(fields) if len(fields) <= MOST_FIELDS else None
