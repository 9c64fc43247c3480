"""Responses so plain that one look at their heads tells where they end (RFC 9112 §4, §6.3).

What is recognised means the same to every reader of HTTP/1.1: a final response with content, whose
one Content-Length says how much, its field lines in the strict form of RFC 9110 §5.5. Anything
else, the smallest doubt included, is not recognised, which says nothing about whether it is right.
"""

import re
from dataclasses import dataclass

from common.http.fields import Pairs
from edge.policy.recognising import FRAMING

LONGEST_HEAD = 16384
"""Bytes of a response's head; longer ones are not recognised."""
MOST_FIELDS = 128
_STATUS = re.compile(r"HTTP/1\.1 ([2-5][0-9]{2}) ([!-~]+(?: [!-~]+)*)?\r\n", re.ASCII)
_LINE = re.compile(
    r"(?<=\n)([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~]+(?:[ \t]+[!-~]+)*)?)[ \t]*\r\n"
)
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
    text = data[: end + 2].decode("latin-1")
    status = _STATUS.match(text)
    if status is None or int(status[1]) in _CONTENTLESS:
        return None
    fields = tuple(_LINE.findall(text, status.end()))
    # Lines that are in another form are not among them.
    if not len(fields) == text.count("\n") - 1 <= MOST_FIELDS:
        return None
    names = [name.lower() for name, _ in fields]
    if names.count("content-length") != 1 or not _suits_the_connection(names, fields):
        return None
    length = fields[names.index("content-length")][1]
    if not _LENGTH.fullmatch(length):
        return None
    return PlainResponse(int(status[1]), status[2] or "", fields, int(length), end + 4)


def _suits_the_connection(names: list[str], fields: Pairs) -> bool:
    """Whether nothing but that it stays is said of the connection."""
    return _CONNECTION.isdisjoint(names) or all(
        name == "connection" and value.lower() == "keep-alive"
        for name, (_, value) in zip(names, fields, strict=True)
        if name in _CONNECTION
    )
