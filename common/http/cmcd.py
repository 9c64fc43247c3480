"""Common Media Client Data: what a player tells of its playback with each request (CTA-5004).

It comes as one parameter of the query or as four fields. All of it is a stranger's word: what
breaks the grammar, and what no player measures, is left out; nothing that comes raises an error.
"""

import re
from typing import Final, NamedTuple, TypedDict, cast
from urllib.parse import unquote_to_bytes

from common.http.fields import Fields

LONGEST: Final = 2048
"""Characters; of more, nothing is read."""
LONGEST_RAW: Final = 3 * LONGEST
"""Characters, where each is escaped."""
LONGEST_MEASURED: Final = 1024
"""The same of what is only measured: players write a third of that."""
MOST_KEYS: Final = 32
"""Keys; further ones are left out."""
LONGEST_NAME: Final = 64
"""Characters of ``sid`` and ``cid`` (CTA-5004 §3.2)."""
MOST_KBIT: Final = 10_000_000
"""Kilobits per second: more, no player measures or asks for."""
MOST_MILLISECONDS: Final = 600_000
"""More, no player buffers."""
FASTEST: Final = 100.0
"""Of a playback rate."""
FIELDS: Final = ("CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status")


class Cmcd(TypedDict, total=False):
    """The keys of CTA-5004 §3.2 that were told, and make sense."""

    br: int
    """Encoded bitrate of the object, kilobits per second."""
    bl: int
    """Buffer length, milliseconds."""
    bs: bool
    """Whether the buffer ran dry since the request before."""
    cid: str
    """Content."""
    d: int
    """Duration of the object, milliseconds."""
    dl: int
    """Milliseconds from the request until the buffer would run dry."""
    mtp: int
    """Throughput that the player measured, kilobits per second."""
    nor: str
    """The object that is asked for next, relative to this one."""
    nrr: str
    """The range of it."""
    ot: str
    """Kind of object."""
    pr: float
    """Playback rate: 1 is real time, 0 is not playing."""
    rtp: int
    """Throughput that the player asks for, kilobits per second."""
    sf: str
    """Streaming format."""
    sid: str
    """Session."""
    st: str
    """Stream type: ``v`` on demand, ``l`` live."""
    su: bool
    """Whether the object is needed at once, to start or to go on."""
    tb: int
    """The highest bitrate that the player may ask for, kilobits per second."""
    v: int
    """Version of the specification."""


_NUMBERS: Final = {
    **dict.fromkeys(("br", "mtp", "rtp", "tb"), MOST_KBIT),
    **dict.fromkeys(("bl", "d", "dl"), MOST_MILLISECONDS),
    "v": 99,
}
"""Whole numbers, and the greatest that is believed."""
_TEXTS: Final = {"cid": LONGEST_NAME, "sid": LONGEST_NAME, "nor": LONGEST, "nrr": 64}
_TOKENS: Final = {
    "ot": frozenset({"m", "a", "v", "av", "i", "c", "tt", "k", "o"}),
    "sf": frozenset({"d", "h", "s", "o"}),
    "st": frozenset({"v", "l"}),
}
_FLAGS: Final = frozenset({"bs", "su"})
_MEMBER: Final = re.compile(
    r"""[ \t]*+([a-z]{1,3})"""
    r"""(?:=(?:"((?:[ !#-\[\]-~]|\\["\\])*+)"|([!#-+\--~]{1,16})))?[ \t]*+(?:,|\Z)"""
)
"""A key, and its value in quotes or without (RFC 8941 §3.3, which CTA-5004 §3.1 follows)."""
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_DECIMAL: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10})?")
_IN_LINE: Final = re.compile(rb"[?&]CMCD=([^&# ]+)")
_IN_FIELDS: Final = re.compile(
    rb"\r\n[Cc][Mm][Cc][Dd]-(?i:object|request|session|status):[ \t]*([^\r]+)"
)
_NEEDED: Final = re.compile(
    rb"""\"[^"]*+\"|%22.*?%22"""
    rb"""|(?:\A|,|%2[Cc])(?:[ \t]|%20)*+(bl|bs|mtp|su)(?:(?:=|%3[Dd])([0-9a-z?]{1,10}|%3F1))?"""
    rb"""(?=[ \t]*(?:,|%2[Cc]|\Z))"""
)
"""Text in quotes, to pass over it, or a key of those with its value. That a backslash may keep a
quote from ending the text is not minded: then looking for the end of each would cost its square."""
_TRUE: Final = frozenset({b"", b"true", b"?1", b"%3F1"})
_PARAMETER: Final = re.compile(r"(?:^|&)CMCD=([^&]*)")


def parse(text: str) -> Cmcd:
    """What ``text`` tells: the decoded value of the parameter, or the values of the fields, joined
    with commas. Of a key that is told twice, the last counts."""
    told: dict[str, str | int | float | bool] = {}
    if len(text) > LONGEST:
        return {}
    place = 0
    for _ in range(MOST_KEYS):
        found = _MEMBER.match(text, place)
        if found is not None:
            place = found.end()
            name, quoted, bare = found.groups()
            value = _value(name, quoted, bare)
            if value is not None:
                told[name] = value
        else:
            place = text.find(",", place) + 1
        if place in {0, len(text)}:
            break
    return cast(Cmcd, told)


def in_query(query: str) -> str:
    """The decoded value of the parameter in a raw query; empty when there is none (§2.2)."""
    found = _PARAMETER.search(query)
    if found is None:
        return ""
    # Bytes that are no UTF-8 come as surrogates.
    raw = found[1][: LONGEST_RAW + 1].encode("utf-8", "surrogatepass")
    return unquote_to_bytes(raw).decode("latin-1")


def in_fields(fields: Fields) -> str:
    """The values of the four fields, joined; empty when there is none (§2.1)."""
    return ",".join(value for name in FIELDS for value in fields.lines(name))


class Measured(NamedTuple):
    """What of it tells how a network does."""

    throughput: int
    """Kilobits per second; 0 when it was not told."""
    buffer: int | None
    """Milliseconds; None when it was not told, or the buffer was just being filled."""
    starved: bool


def measured_in(head: bytes) -> Measured | None:
    """What the head of a request tells of the network; None when it has no CMCD.

    Made for many requests: it costs less than ``parse``, which understands more spellings.
    """
    values = _IN_FIELDS.findall(head)
    found = _IN_LINE.search(head, 0, head.find(b"\r\n"))
    if found is not None:
        values.append(found[1])
    text = b",".join(values)
    if not text or len(text) > LONGEST_MEASURED:
        return None
    throughput, buffer, starved, starting = 0, None, False, False
    for name, value in _NEEDED.findall(text):
        if name == b"mtp" and value.isdigit() and int(value) <= MOST_KBIT:
            throughput = int(value)
        elif name == b"bl" and value.isdigit() and int(value) <= MOST_MILLISECONDS:
            buffer = int(value)
        elif name == b"bs":
            starved = value in _TRUE
        elif name == b"su":
            starting = value in _TRUE
    return Measured(throughput, None if starting else buffer, starved)


def _value(name: str, quoted: str | None, bare: str | None) -> str | int | float | bool | None:
    """The value of a key; None when it cannot be."""
    if name in _FLAGS:
        # Absent means false; players write true in ways of their own.
        return True if quoted is None and bare in {None, "true", "?1"} else None
    if quoted is not None:
        longest = _TEXTS.get(name, 0)
        text = _QUOTED_PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted
        return text if 0 < len(text) <= longest else None
    if bare is None:
        return None
    if name in _NUMBERS:
        number = int(bare) if _NUMBER.fullmatch(bare) else -1
        return number if 0 <= number <= _NUMBERS[name] else None
    if name == "pr":
        rate = float(bare) if _DECIMAL.fullmatch(bare) else -1.0
        return rate if 0 <= rate <= FASTEST else None
    return bare if bare in _TOKENS.get(name, ()) else None
