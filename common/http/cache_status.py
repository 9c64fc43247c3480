"""Cache-Status: what a cache tells of how it handled a request (RFC 9211).

Written for every response, so it is formatted by hand; what is written is a member of a List
structured field (RFC 9651 §3.1).
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

Forward = Literal[
    "bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"
]
"""Why a request went on towards the origin (§2.2)."""

_LARGEST_INTEGER: Final = 999_999_999_999_999
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_UNWRITABLE: Final = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """One cache's member of the field; ``str`` writes it."""

    cache: str
    """The name of the cache."""
    hit: bool = False
    """Whether the answer came from the cache, without anything being forwarded (§2.1)."""
    fwd: Forward | None = None
    """Why the request was forwarded; with ``hit`` it has no place (§2.2)."""
    fwd_status: int | None = None
    """The status code with which the next server answered (§2.3)."""
    ttl: int | None = None
    """Seconds for which the response stays fresh, negative when it is stale (§2.4)."""
    stored: bool = False
    """Whether the forwarded request's response was stored (§2.5)."""
    collapsed: bool = False
    """Whether another request's response was waited for and used (§2.6)."""
    key: str | None = None
    """The cache key (§2.7)."""
    detail: str | None = None
    """What else there is to tell (§2.8)."""

    def __str__(self) -> str:
        text = self.cache if _TOKEN.fullmatch(self.cache) else _string(self.cache)
        if self.hit:
            text += "; hit"
        if self.fwd is not None:
            text += f"; fwd={self.fwd}"
        if self.fwd_status is not None:
            text += f"; fwd-status={self.fwd_status}"
        if self.ttl is not None:
            text += f"; ttl={max(-_LARGEST_INTEGER, min(self.ttl, _LARGEST_INTEGER))}"
        if self.stored:
            text += "; stored"
        if self.collapsed:
            text += "; collapsed"
        if self.key is not None:
            text += f"; key={_string(self.key)}"
        if self.detail is not None:
            token = _TOKEN.fullmatch(self.detail)
            text += f"; detail={self.detail if token else _string(self.detail)}"
        return text


def _string(text: str) -> str:
    """A String (RFC 9651 §3.3.3), less the characters that it cannot hold."""
    printable = text if text.isascii() and text.isprintable() else _UNWRITABLE.sub("", text)
    escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
