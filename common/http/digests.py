"""Repr-Digest: what a representation's digest must be (RFC 9530 §3, a dictionary of RFC 9651)."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

_SHA256: Final = re.compile(r"(?:^|,)[ \t]*sha-256=:([A-Za-z0-9+/=]{44}):")


def repr_sha256(lines: Iterable[str]) -> bytes | None:
    """The SHA-256 in Repr-Digest; None when it tells none."""
    match = _SHA256.search(",".join(lines))
    if match is None:
        return None
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error:
        return None
