"""Requests for ``/play`` that are so plain that one look at their bytes tells all of them. Pure.

What is recognised here means the same to every reader of HTTP/1.1 (RFC 9112 §2, §5): complete, by
itself, without content, its field lines in the strict form of RFC 9110 §5.5, and none of a field
that could change more than where the viewer is sent. Anything else, the smallest doubt included, is
not recognised, which says nothing about whether it is right.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from common.messages.packages import IDENTIFIER_PATTERN
from control_plane.routing.asked import FIELDS

LONGEST: Final = 4096
"""Bytes of a request; longer ones are not recognised."""
MOST_FIELDS: Final = 48
SESSION: Final = "cmcd-session"
HARMLESS: Final = frozenset(
    {
        *FIELDS,
        *("accept-encoding", "accept-language", "cache-control", "cookie", "dnt", "host"),
        *("icy-metadata", "origin", "pragma", "priority", "range", "referer"),
        *("sec-ch-ua", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"),
        *("sec-gpc", "upgrade-insecure-requests", "via", "x-forwarded-host", "x-forwarded-port"),
        *("x-forwarded-proto", "x-playback-session-id", "x-real-ip", "x-requested-with"),
    }
)
"""Fields that are without effect, or are known for what they tell of a viewer."""
_LINE: Final = re.compile(
    rb"GET /play/(%b)(?:\?([A-Za-z0-9%%&=+.,_~:/@!$'()*;-]*))? HTTP/1\.1"
    % IDENTIFIER_PATTERN.encode()
)
_FIELD: Final = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~]+(?:[ \t]+[!-~]+)*)?)[ \t]*"
)
_FORWARDED: Final = (b"\r\nX-Forwarded-For: ", b"\r\nx-forwarded-for: ")
_CHAIN: Final = re.compile(rb"[0-9A-Fa-f:][0-9A-Fa-f.:, ]*")
_FRAMING: Final = frozenset(
    {
        *("connection", "content-length", "expect", "http2-settings", "keep-alive"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Fields that may say where a message ends, or what becomes of the connection."""
_WHOLE: Final = re.compile(rb"(?:GET|HEAD) /[!-~]* HTTP/1\.1")


class Head(NamedTuple):
    """What the field lines of a request tell, but for X-Forwarded-For."""

    fields: Mapping[str, str]
    """Those that count, with names in lower case, cut to what of them counts."""
    session: str
    """CMCD-Session, whole; empty for none."""


def read_line(data: bytes, end: int) -> tuple[str, str] | None:
    """The asset and the raw query that the first ``end`` bytes of a request ask for."""
    match = _LINE.fullmatch(data, 0, end)
    if match is None:
        return None
    query = match[2]
    return match[1].decode(), query.decode() if query else ""


def without_forwarded(block: bytes) -> tuple[bytes, str | None]:
    """The field lines in ``block`` less one of X-Forwarded-For, which differs with each viewer, and
    its value; another one, or one that is no list of addresses, is left for ``read_head``."""
    for name in _FORWARDED:
        start = block.find(name)
        if start >= 0:
            value = start + len(name)
            end = block.find(b"\r\n", value)
            if _CHAIN.fullmatch(block, value, max(end, 0)) is None:
                break
            return block[:start] + block[end:], block[value:end].decode()
    return block, None


def read_head(block: bytes) -> Head | None:
    """What the field lines in ``block``, which begins and ends with CR LF, tell; None in doubt."""
    pairs = _pairs(block)
    if pairs is None:
        return None
    told = dict(pairs)
    if len(told) < len(pairs):
        # Which of several counts is for another to say.
        return None
    connection = told.pop("connection", "keep-alive")
    if connection.lower() != "keep-alive" or not told.get("host") or not told.keys() <= HARMLESS:
        return None
    fields = {name: told[name][:longest] for name, longest in FIELDS.items() if name in told}
    return Head(fields, told.get(SESSION, ""))


def is_whole(data: bytes) -> bool:
    """Whether ``data`` is one GET or HEAD that ends where it seems to, whoever reads it, and after
    which the connection may be used again."""
    end = data.find(b"\r\n")
    if len(data) > LONGEST or _WHOLE.fullmatch(data, 0, max(end, 0)) is None:
        return False
    pairs = _pairs(data[end:])
    return pairs is not None and _FRAMING.isdisjoint(name for name, _ in pairs)


def _pairs(block: bytes) -> list[tuple[str, str]] | None:
    """Names in lower case, and values."""
    if not block.startswith(b"\r\n") or not block.endswith(b"\r\n\r\n"):
        return None
    lines = block[2:-4].split(b"\r\n")
    if len(lines) > MOST_FIELDS:
        return None
    pairs = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            return None
        pairs.append((match[1].decode().lower(), match[2].decode()))
    return pairs
