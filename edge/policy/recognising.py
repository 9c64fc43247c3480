"""Requests that are so plain that one look at their bytes tells all of them (RFC 9112 §2, §5).

What is recognised here means the same to every reader of HTTP/1.1: a complete GET or HEAD without
content, whose field lines are in the strict form of RFC 9110 §5.5. Anything else, the smallest
doubt included, is not recognised, which says nothing about whether it is right.
"""

import re
from dataclasses import dataclass

from common.http.fields import Fields

LONGEST_HEAD = 8192
"""Bytes of a request's head; longer ones are not recognised."""
LONGEST_LINE = 8000
"""Bytes of its first line: below what a target may have at all."""
MOST_FIELDS = 64

_HARMLESS = frozenset(
    {
        *("accept", "accept-charset", "accept-encoding", "accept-language", "authorization"),
        *("cookie", "device-memory", "dnt", "downlink", "dpr", "ect", "from", "host"),
        *("icy-metadata", "if-modified-since", "if-none-match", "if-range", "origin", "priority"),
        *("range", "referer", "rtt", "save-data", "user-agent", "viewport-width", "width"),
        *("x-forwarded-for", "x-forwarded-proto", "x-playback-session-id", "x-requested-with"),
        *("cmcd-object", "cmcd-request", "cmcd-session", "cmcd-status"),
        *("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-gpc", "sec-purpose"),
        *("sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"),
    }
)
"""Fields that do not change what is answered from a cache, or by rules that are known here."""
FRAMING = frozenset(
    {
        *("connection", "content-length", "expect", "keep-alive", "proxy-connection", "te"),
        *("http2-settings", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Fields that may say where a message ends, or what becomes of the connection."""
_SINGLE = (
    *("content-location", "content-range", "content-type", "etag", "max-forwards", "server"),
    "user-agent",
)
"""Fields that some readers refuse when they come twice."""
_CONDITIONS = ("if-none-match", "if-modified-since", "range", "if-range")
FIELD_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~]+(?:[ \t]+[!-~]+)*)?)[ \t]*"
)
_REQUEST = re.compile(rb"(GET|HEAD) (/[!-~]*) HTTP/1\.1")
_VARYING = re.compile(
    rb"\r\n(?:[Rr]ange: ([!-~]+)|(?:CMCD|cmcd|Cmcd)-(?:[Oo]bject|[Rr]equest|[Ss]ession|[Ss]tatus): "
    rb"[!-~]+(?: [!-~]+)*)(?=\r\n)"
)
_RANGE = re.compile(rb"\r\nRange: (bytes=[0-9]+-[0-9]*)(?=\r\n)")
_BEGINNING = re.compile(
    rb"(?:G(?:E(?:T(?: (?:/[!-~]*)?)?)?)?|H(?:E(?:A(?:D(?: (?:/[!-~]*)?)?)?)?)?)"
)
_VERSION = b" HTTP/1.1\r"


@dataclass(frozen=True, slots=True)
class Block:
    """The field lines of a request, from the line feed of its first line to the empty line."""

    fields: Fields
    host: str
    plain: bool
    """Whether nothing in them changes the answer but what ``conditions`` has."""
    conditions: tuple[str | None, str | None, str | None, str | None] | None
    """If-None-Match, If-Modified-Since, Range and If-Range; None when none of them is there."""
    closes: bool
    """Whether the answer is to be the last of the connection (RFC 9112 §9.6)."""


def without_varying(block: bytes) -> tuple[bytes, str | None] | None:
    """``block`` less the lines that differ in each request of a player, and the value of Range.

    These are Range and CMCD's fields (CTA-5004 §3.1). None when it has none of them, or in doubt.
    """
    ranges = [found for found in _VARYING.findall(block) if found]
    rest = _VARYING.sub(b"", block)
    if len(rest) == len(block) or len(ranges) > 1:
        return None
    return rest, ranges[0].decode() if ranges else None


def without_range(block: bytes) -> tuple[bytes, str] | None:
    """``block`` less the first line that asks for a range of the plainest form, and its value.

    A short cut for ``without_varying``: what it leaves is only of use if it is known from there.
    """
    found = _RANGE.search(block)
    if found is None:
        return None
    return block[: found.start()] + block[found.end() :], found[1].decode()


def head_end(data: bytes, start: int) -> int:
    """Where the head that begins at ``start`` ends; -1 when more has to come."""
    end = data.find(b"\r\n\r\n", start)
    return -1 if end < 0 else end + 4


def read_request_line(line: bytes) -> tuple[str, str] | None:
    """Method and target of a request line; None when it is not recognised."""
    match = _REQUEST.fullmatch(line) if len(line) <= LONGEST_LINE else None
    return None if match is None else (match[1].decode(), match[2].decode())


def read_block(block: bytes) -> Block | None:
    """The field lines in ``block``, which begins and ends with CR LF; None when in doubt."""
    if not block.startswith(b"\r\n") or not block.endswith(b"\r\n\r\n"):
        return None
    lines = block[2:-4].split(b"\r\n")
    if len(block) > LONGEST_HEAD or len(lines) > MOST_FIELDS:
        return None
    pairs: list[tuple[str, str]] = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if match is None:
            return None
        pairs.append((match[1].decode(), match[2].decode()))
    fields = Fields(pairs)
    framing = FRAMING & fields.names()
    connection = [line.lower() for line in fields.lines("connection")]
    if framing and (framing != {"connection"} or connection not in (["keep-alive"], ["close"])):
        return None
    names = fields.names() - FRAMING
    if len(fields.lines("host")) != 1 or any(len(fields.lines(name)) > 1 for name in _SINGLE):
        return None
    once = all(len(fields.lines(name)) < 2 for name in _CONDITIONS)
    asked = tuple(fields.get(name) for name in _CONDITIONS)
    conditions = (asked[0], asked[1], asked[2], asked[3])
    return Block(
        fields=fields,
        host=fields.lines("host")[0],
        plain=once and names <= _HARMLESS,
        conditions=None if conditions == (None, None, None, None) else conditions,
        closes=connection == ["close"],
    )


def ends_with_a_request(data: bytes) -> bool:
    """Whether ``data`` is whole requests without content, as far as that can be told at once."""
    start = 0
    while start < len(data):
        end = head_end(data, start)
        line = data.find(b"\r\n", start)
        if end < 0 or read_request_line(data[start:line]) is None:
            return False
        if read_block(data[line:end]) is None:
            return False
        start = end
    return True


def may_become_plain(data: bytes) -> bool:
    """Whether ``data``, an incomplete head, may still be recognised when the rest has come."""
    if len(data) > LONGEST_HEAD:
        return False
    line, ended, rest = data.partition(b"\n")
    if not ended:
        # The version begins at the last space, if it has begun.
        before, space, version = line.rpartition(b" ")
        if space and before.count(b" ") == 1 and _VERSION.startswith(space + version):
            line = before
        return _BEGINNING.fullmatch(line) is not None
    if not line.endswith(b"\r") or read_request_line(line[:-1]) is None:
        return False
    *lines, last = rest.split(b"\n")
    whole = all(one.endswith(b"\r") and FIELD_LINE.fullmatch(one[:-1]) for one in lines)
    return whole and len(lines) <= MOST_FIELDS and _may_become_line(last)


_PART = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*(?:(?<=.):[\t -~]*)?\r?")


def _may_become_line(part: bytes) -> bool:
    return _PART.fullmatch(part) is not None
