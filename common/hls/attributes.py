"""Values of tags and attribute lists (RFC 8216 §4.2), refused where they would break a playlist."""

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from common.errors import NearcastError

# RFC 3986 §2, percent signs included; a URI line must not begin as a tag or comment does.
URI_REFERENCE: Final = re.compile(r"(?!#)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+\Z")

UNQUOTABLE: Final = re.compile(r'["\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
"""RFC 8216 §4.2 forbids the quote and line breaks; §4.1 forbids control characters."""

VARIABLE: Final = "{$"
"""What begins a reference to a variable (rfc8216bis §4.3). No playlist here defines one, and a
player that finds a reference to none of the defined must refuse the playlist."""

LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*\Z")
"""The shape of a language tag (RFC 5646 §2.1)."""

LARGEST_INTEGER: Final = 2**64 - 1
"""Of a decimal-integer (RFC 8216 §4.2)."""


class PlaylistInvalid(NearcastError):
    """The playlist would not be legal: {reason}."""


def require(condition: bool, reason: str) -> None:
    """Refuse with ``reason`` unless ``condition`` holds.

    Raises:
        PlaylistInvalid: it does not.
    """
    if not condition:
        raise PlaylistInvalid(reason=reason)


def uri(text: str) -> str:
    """``text``, which is a URI reference that may stand on a line of its own or in quotes.

    Raises:
        PlaylistInvalid: it is none.
    """
    require(URI_REFERENCE.match(text) is not None, f"{text!r} is no URI")
    return text


def quoted(text: str) -> str:
    """``text`` as a quoted-string.

    Raises:
        PlaylistInvalid: it holds what a quoted-string cannot.
    """
    legal = UNQUOTABLE.search(text) is None and VARIABLE not in text
    require(legal, f"{text!r} cannot stand in quotes")
    return f'"{text}"'


def quotable(text: str, longest: int = 256) -> str:
    """``text`` as near as it can stand in a quoted-string: what people wrote, made harmless.

    A double quote becomes an apostrophe, each stretch of spaces, line breaks and control characters
    one space, and the ``{$`` of what would read as a variable ``{ $``; spaces around it go. Of the
    rest the first ``longest`` characters stay. Nothing may be left.
    """
    plain = UNQUOTABLE.sub(" ", text.replace('"', "'"))
    return " ".join(plain.replace(VARIABLE, "{ $").split())[:longest].rstrip()


def language(tag: str) -> str:
    """``tag``, which has the shape of a language tag, as a quoted-string.

    Raises:
        PlaylistInvalid: it has not.
    """
    require(LANGUAGE.match(tag) is not None, f"{tag!r} is no language")
    return quoted(tag)


def yes(condition: bool) -> str:
    """The enumerated-string that says whether ``condition`` holds."""
    return "YES" if condition else "NO"


def decimal(value: Fraction, places: int) -> str:
    """``value``, which is not negative, as a decimal-floating-point with ``places`` digits."""
    scaled = round(value * 10**places)
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}"


def attribute_list(pairs: Iterable[tuple[str, str | None]]) -> str:
    """Names and values, already in their written form, joined; those without a value left out."""
    return ",".join(f"{name}={value}" for name, value in pairs if value is not None)
