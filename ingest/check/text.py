"""Tags and attribute lists of playlists as they are written (rfc8216bis §4.1, §4.2).

The reader keeps what libraries for players put right or leave out: a checker must see it.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

ATTRIBUTE: Final = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",\s]+)(?:,|\Z)')
INTEGER: Final = re.compile(r"[0-9]{1,20}\Z")
"""A decimal-integer of at most 64 bits has no more digits."""
DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?\Z")
RESOLUTION: Final = re.compile(r"([0-9]{1,6})x([0-9]{1,6})\Z")

QUOTED: Final = frozenset({
    "ASSOC-LANGUAGE", "AUDIO", "CHANNELS", "CHARACTERISTICS", "CODECS", "DATA-ID", "GROUP-ID",
    "INSTREAM-ID", "LANGUAGE", "NAME", "PATHWAY-ID", "SERVER-URI", "STABLE-RENDITION-ID",
    "STABLE-VARIANT-ID", "SUBTITLES", "SUPPLEMENTAL-CODECS", "URI", "VALUE", "VIDEO",
})  # fmt: skip
"""Attributes whose value is a quoted-string in every tag that is read here."""

BARE: Final = frozenset({
    "AUTOSELECT", "AVERAGE-BANDWIDTH", "BANDWIDTH", "DEFAULT", "FORCED", "FRAME-RATE",
    "HDCP-LEVEL", "METHOD", "RESOLUTION", "SCORE", "TYPE", "VIDEO-RANGE",
})  # fmt: skip
"""Attributes whose value never is one."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A line that begins with ``#EXT``."""

    line: int
    """From 1."""
    name: str
    """Such as ``EXT-X-MAP``."""
    value: str
    """What follows the colon."""


@dataclass(frozen=True)
class Attributes:
    """An attribute list."""

    raw: Mapping[str, str]
    """As written, quotes included."""
    faults: tuple[str, ...] = ()
    """What is wrong with how it is written, each the end of a sentence."""

    def get(self, name: str) -> str | None:
        """The value, its quotes taken away."""
        value = self.raw.get(name)
        return value if value is None else value.strip('"')

    def integer(self, name: str) -> int | None:
        """The value as a number, None where it is none."""
        return integer(self.raw.get(name, ""))

    def decimal(self, name: str) -> Fraction | None:
        """The value as a number, None where it is none."""
        return decimal(self.raw.get(name, ""))

    def resolution(self) -> tuple[int, int] | None:
        """RESOLUTION in pixels, width first."""
        match = RESOLUTION.match(self.raw.get("RESOLUTION", ""))
        return (int(match[1]), int(match[2])) if match else None

    def yes(self, name: str) -> bool:
        """Whether the value is YES."""
        return self.raw.get(name) == "YES"

    def tokens(self, name: str) -> tuple[str, ...]:
        """A value of several, parted by commas."""
        value = self.get(name)
        return tuple(part.strip() for part in value.split(",")) if value else ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is no tag, comment or blank: a URI."""

    line: int
    uri: str


def lines_of(text: str) -> Iterator[Tag | Line]:
    """The tags and URIs of a playlist, in order."""
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        stripped = line.rstrip("\r\n")
        if stripped.startswith("#EXT"):
            name, _, value = stripped[1:].partition(":")
            yield Tag(number, name.strip(), value.strip())
        elif stripped.strip() and not stripped.startswith("#"):
            yield Line(number, stripped.strip())


def attributes_of(text: str) -> Attributes:
    """The attribute list ``text``, as far as it is one."""
    raw: dict[str, str] = {}
    faults: list[str] = []
    place = 0
    while place < len(text):
        match = ATTRIBUTE.match(text, place)
        if match is None:
            faults.append(f"has no attribute list from {text[place : place + 40]!r} on")
            break
        name, value = match[1], match[2]
        if name in raw:
            faults.append(f"has {name} twice")
        raw.setdefault(name, value)
        place = match.end()
        # A blank after the comma is not allowed, but what follows is still read.
        if place < len(text) and text[place] == " ":
            faults.append(f"has a blank after {name}")
            place = len(text) - len(text[place:].lstrip(" "))
    faults += _quotes(raw.items())
    return Attributes(raw, tuple(faults))


def _quotes(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in pairs:
        # CLOSED-CAPTIONS is either; SERVICE and key attributes are not read here.
        if name in QUOTED and not value.startswith('"'):
            yield f"has {name} without quotes"
        elif name in BARE and value.startswith('"'):
            yield f"has {name} in quotes"


def integer(text: str) -> int | None:
    """A decimal-integer, None where ``text`` is none."""
    return int(text) if INTEGER.match(text) else None


@lru_cache(maxsize=1024)
def decimal(text: str) -> Fraction | None:
    """A signed decimal-floating-point, None where ``text`` is none."""
    return Fraction(text) if DECIMAL.match(text) else None
