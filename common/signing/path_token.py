"""Path tokens, the project's own and shortest format.

One is base64url (RFC 4648 §5) without padding, over: the version, 1 byte; the expiry, POSIX seconds
in 5 bytes; the lengths of the key's name, of the path prefix, of the client's address and, from
version 2 on, of the session, 1 byte each; these; and an HMAC-SHA-256 (RFC 2104) over all that, cut
to 16 bytes, which leaves a forger one chance in 2**128 (RFC 2104 §5 allows to cut to half). Version
1 is written where there is no session: it is shorter, and older edges know it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from common.signing.errors import (
    TokenExpired,
    TokenForeign,
    TokenInvalid,
    TokenKeyUnknown,
)

LONGEST_PATH_TOKEN = 512
"""Characters of one."""
_PARTS = {1: 3, 2: 4}
"""How many parts of their own length the versions have."""
_TAG = 16
_LENGTHS = 6
"""Where the lengths begin."""


@dataclass(frozen=True, slots=True)
class PathToken:
    """What a token says."""

    key_id: str
    """Which key it is signed with."""
    prefix: str
    """What it opens: every path that begins so, such as ``/v/film/1/``."""
    expires: int
    """POSIX seconds from which on it is worth nothing."""
    address: str = ""
    """The only client that may use it; empty for any."""
    session: str = ""
    """The only session that may use it, which whoever checks it looks at; empty for any."""

    @property
    def shared(self) -> bool:
        """Whether any client may use it, in any session."""
        return not self.address and not self.session

    def check(self, path: str, now: float, address: str) -> None:
        """Lets ``address`` read ``path`` at ``now``, if it tells the right session.

        Raises:
            TokenExpired, TokenForeign: it does not.
        """
        if now >= self.expires:
            raise TokenExpired
        if not path.startswith(self.prefix) or (self.address and self.address != address):
            raise TokenForeign


def mint(token: PathToken, secret: str) -> str:
    """``token``, signed with the key of its ``key_id``.

    Raises:
        ValueError: it is too long, or not in ASCII.
    """
    told = (token.key_id, token.prefix, token.address)
    parts = [part.encode("ascii") for part in (*told, *filter(None, (token.session,)))]
    if any(len(part) > 255 for part in parts):
        raise ValueError("a part of the token is longer than 255 characters")
    version = 1 if len(parts) == _PARTS[1] else 2
    signed = bytes([version]) + token.expires.to_bytes(5, "big")
    signed += bytes(map(len, parts)) + b"".join(parts)
    text = base64.urlsafe_b64encode(signed + _tag(signed, secret)).rstrip(b"=").decode()
    if len(text) > LONGEST_PATH_TOKEN:
        raise ValueError(f"the token is longer than {LONGEST_PATH_TOKEN} characters")
    return text


def is_path_token(data: bytes) -> bool:
    """Whether the bytes of a token begin as a path token's do."""
    return data[:1] in {b"\x01", b"\x02"}


def read_path_token(data: bytes, secrets: Mapping[str, str]) -> PathToken:
    """What the bytes of a path token say.

    Args:
        data: the bytes that stand behind its characters.
        secrets: the keys that are good, by name.

    Raises:
        TokenInvalid: it is cut or forged.
        TokenKeyUnknown: it is signed with another key.
    """
    signed, tag = data[:-_TAG], data[-_TAG:]
    count = _PARTS.get(data[0], 0) if data else 0
    head = _LENGTHS + count
    lengths = signed[_LENGTHS:head]
    if not count or len(lengths) < count or len(signed) != head + sum(lengths):
        raise TokenInvalid
    parts: list[str] = []
    for length in lengths:
        # Whoever has the key may write any bytes; none of them is an error here.
        parts.append(signed[head : head + length].decode("latin-1"))
        head += length
    secret = secrets.get(parts[0])
    if secret is None:
        raise TokenKeyUnknown
    if not hmac.compare_digest(tag, _tag(signed, secret)):
        raise TokenInvalid
    return PathToken(parts[0], parts[1], int.from_bytes(signed[1:6], "big"), *parts[2:])


def _tag(signed: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), signed, hashlib.sha256)[:_TAG]
