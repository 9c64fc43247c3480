"""Decodes CBOR (RFC 8949) of the plainest kind, and looks first whether it is.

Decoders do much for a few bytes: they build numbers of any size, patterns, and references to what
encloses them. What tokens are made of is known, so all else is turned away: items without a length,
tags but those of tokens, simple values but true, false and null, and nesting beyond what they need.
"""

from typing import Any, Final

import cbor2

DEEPEST: Final = 8
"""Items within items."""
TAGS: Final = {17, 52, 54, 61}
"""COSE_Mac0 (RFC 9052), an IPv4 and an IPv6 address (RFC 9164), a CBOR Web Token (RFC 8392)."""
_BYTES_OF: Final = {24: 1, 25: 2, 26: 4, 27: 8}
"""Bytes of an argument, by additional information (§3)."""
_SIMPLE: Final = {20, 21, 22, 25, 26, 27}
"""False, true, null, and floating-point numbers (§3.3)."""
_TEXTS, _ARRAY, _MAP, _TAG, _OTHER = {2, 3}, 4, 5, 6, 7


def decoded(data: bytes) -> Any:
    """What ``data`` says; None where it is not plain, or cannot be decoded."""
    if not is_plain(data):
        return None
    try:
        return cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError, TypeError):
        # Text that is no UTF-8, or a map whose keys have no hash.
        return None


def is_plain(data: bytes) -> bool:
    """Whether ``data`` is one such item, whole."""
    return _end(data, 0, DEEPEST) == len(data) > 0


def _end(data: bytes, at: int, deep: int) -> int:
    """Where the item at ``at`` ends; -1 when it is not plain, or cut."""
    if deep == 0 or not 0 <= at < len(data):
        return -1
    major, told = data[at] >> 5, data[at] & 31
    size = _BYTES_OF.get(told, 0)
    if (told > 23 and not size) or (major == _OTHER and told not in _SIMPLE):
        return -1
    argument = int.from_bytes(data[at + 1 : at + 1 + size], "big") if size else told
    at += 1 + size
    if major in _TEXTS:
        at += argument
    elif major in {_ARRAY, _MAP, _TAG}:
        items = argument * 2 if major == _MAP else argument
        if major == _TAG:
            items = 1 if argument in TAGS else len(data)
        # Each takes a byte at least.
        if items > len(data) - at:
            return -1
        for _ in range(items):
            at = _end(data, at, deep - 1)
            if at < 0:
                return -1
    return at if at <= len(data) else -1
