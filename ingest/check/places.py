"""Where a URI of a playlist leads (RFC 3986 §5), and whether that is in the package.

A place is an absolute http(s) URL. Folders and fresh parts have no address: they get one that no
network knows, deep enough that no number of ``..`` leads back into it.
"""

import re
from typing import Final
from urllib.parse import urljoin, urlsplit

NOWHERE: Final = "http://package.invalid/a/package/that/has/no/address/"

PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+){0,8}\Z")
"""A path down from where it stands, as nearly all are: joined without a parser, which is slow."""
UNFIT: Final = re.compile(r"[\x00-\x20]")

MOST_CHARACTERS: Final = 8192
"""Of a URI."""


def resolved(place: str, uri: str) -> str | None:
    """The place that ``uri`` names in the playlist at ``place``; None where it is none.

    Only http and https lead anywhere, so ``file:`` and ``data:`` do not.
    """
    if len(uri) > MOST_CHARACTERS or UNFIT.search(uri):
        return None
    if "?" not in place and PLAIN.match(uri):
        return place[: place.rindex("/") + 1] + uri
    try:
        target = urljoin(place, uri)
        parts = urlsplit(target)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    return target.partition("#")[0]


def folder_of(place: str) -> str:
    """The folder that ``place`` is in, with its trailing slash."""
    return urljoin(place, ".")


def same_origin(first: str, second: str) -> bool:
    """Whether both are answered by one server (RFC 6454 §4)."""
    one, other = urlsplit(first), urlsplit(second)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def shown(root: str, place: str) -> str:
    """``place`` as people read it: below ``root``, or whole."""
    text = place.removeprefix(root).removeprefix(NOWHERE)
    return text if len(text) <= 120 else f"{text[:117]}…"
