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
    require(UNQUOTABLE.search(text) is None, f"{text!r} cannot stand in quotes")
    return f'"{text}"'


def decimal(value: Fraction, places: int) -> str:
    """``value``, which is not negative, as a decimal-floating-point with ``places`` digits."""
    scaled = round(value * 10**places)
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}"


def attribute_list(pairs: Iterable[tuple[str, str | None]]) -> str:
    """Names and values, already in their written form, joined; those without a value left out."""
    return ",".join(f"{name}={value}" for name, value in pairs if value is not None)
