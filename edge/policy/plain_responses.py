"""Responses so plain that one look at their heads tells where they end (RFC 9112 §4, §6.3).

What is recognised means the same to every reader of HTTP/1.1: a final response with content, whose
one Content-Length says how much, its field lines in the strict form of RFC 9110 §5.5. Anything
else, the smallest doubt included, is not recognised, which says nothing about whether it is right.

Most responses of an origin differ in nothing but a few fields' values. What they have in common is
their shape, which is read once.
"""

import functools
import re
from dataclasses import dataclass

from common.http.fields import Pairs
from edge.policy.recognising import FRAMING

LONGEST_HEAD = 16384
"""Bytes of a response's head; longer ones are not recognised."""
MOST_FIELDS = 128
MOST_SHAPES = 256
"""Shapes that are remembered."""
LONGEST_LENGTH = 15
"""Digits of Content-Length."""
_OWN = re.compile(
    rb"\r\n(Content-Length|Date|ETag|Last-Modified|Repr-Digest):[ \t]*"
    rb"([!-~]+(?:[ \t]+[!-~]+)*)[ \t]*(?=\r\n)",
    re.IGNORECASE,
)
"""Lines whose values are a response's own."""
_STATUS = re.compile(r"HTTP/1\.1 ([2-5][0-9]{2}) ([!-~]+(?: [!-~]+)*)?\r\n", re.ASCII)
_LINE = re.compile(
    r"(?<=\n)([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~]+(?:[ \t]+[!-~]+)*)?)[ \t]*\r\n"
)
_CONTENTLESS = frozenset({204, 205, 304})
_CONNECTION = FRAMING - {"content-length"}


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What heads have in common that differ in nothing but some fields' values."""

    status: int
    reason: str
    fields: Pairs
    """All of them, those values aside."""
    places: tuple[int, ...]
    """Which of ``fields`` are a response's own."""
    own: dict[str, int]
    """Those by lower-case name: which of ``places`` is theirs."""


@dataclass(slots=True)
class PlainResponse:
    """The head of a recognised response to a GET."""

    shape: Shape
    values: list[bytes]
    """Those of the fields that are its own, in the order of ``Shape.places``."""
    length: int
    """Bytes of content."""
    end: int
    """Where in what was read the content begins."""

    @property
    def status(self) -> int:
        """The status code."""
        return self.shape.status

    @property
    def reason(self) -> str:
        """The reason phrase."""
        return self.shape.reason

    def own(self, name: str) -> str | None:
        """The value of its own field ``name``, given in lower case; None when it is absent."""
        number = self.shape.own.get(name)
        return None if number is None else self.values[number].decode()

    @property
    def fields(self) -> Pairs:
        """All fields."""
        fields = list(self.shape.fields)
        for place, value in zip(self.shape.places, self.values, strict=True):
            fields[place] = (fields[place][0], value.decode())
        return tuple(fields)


def read_plain_response(data: bytes) -> PlainResponse | None:
    """The response to a GET whose head ``data`` begins with; None in doubt."""
    end = data.find(b"\r\n\r\n")
    if not 0 <= end <= LONGEST_HEAD:
        return None
    parts = _OWN.split(data[: end + 2])
    values = parts[2::3]
    del parts[2::3]
    shape = _shape_of(tuple(parts))
    if shape is None:
        return None
    length = values[shape.own["content-length"]]
    if not length.isdigit() or len(length) > LONGEST_LENGTH:
        return None
    return PlainResponse(shape, values, int(length), end + 4)


@functools.lru_cache(MOST_SHAPES)
def _shape_of(parts: tuple[bytes, ...]) -> Shape | None:
    """The shape of a head: in turn what is between the fields of its own, and their names."""
    text = parts[0].decode("latin-1")
    places: list[int] = []
    own: dict[str, int] = {}
    for name, between in zip(parts[1::2], parts[2::2], strict=True):
        lower = name.decode().lower()
        if lower in own:
            return None
        own[lower] = len(places)
        places.append(text.count("\n"))
        text += f"\r\n{name.decode()}:{between.decode('latin-1')}"
    status = _STATUS.match(text)
    if status is None or int(status[1]) in _CONTENTLESS:
        return None
    fields = tuple(_LINE.findall(text, status.end()))
    # Lines that are in another form are not among them.
    if not len(fields) == text.count("\n") - 1 <= MOST_FIELDS:
        return None
    names = [name.lower() for name, _ in fields]
    # One that is told in another form, or twice, is not for here.
    once = all(names.count(name) == 1 for name in own)
    if not once or "content-length" not in own or not _suits_the_connection(names, fields):
        return None
    return Shape(int(status[1]), status[2] or "", fields, tuple(places), own)


def _suits_the_connection(names: list[str], fields: Pairs) -> bool:
    """Whether nothing but that it stays is said of the connection."""
    return _CONNECTION.isdisjoint(names) or all(
        name == "connection" and value.lower() == "keep-alive"
        for name, (_, value) in zip(names, fields, strict=True)
        if name in _CONNECTION
    )
