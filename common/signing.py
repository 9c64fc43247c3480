"""Path tokens: who has one may read what is below a path, until it expires.

A token stands in the path, ``/t/{token}/…``, so that relative URLs in playlists carry it on. It is
base64url (RFC 4648 §5) without padding, over: the version, 1 byte; the expiry, POSIX seconds in 5
bytes; the lengths of the key's name, of the path prefix and of the client's address, 1 byte each;
these three; and an HMAC-SHA-256 (RFC 2104) over all that, cut to 16 bytes, which leaves a forger
one chance in 2**128 (RFC 2104 §5 allows to cut to half).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from common.errors import NearcastError

LONGEST = 512
"""Characters of a token."""
_VERSION = 1
_TAG = 16
_HEAD = 9


class TokenInvalid(NearcastError):
    """The token in the path is missing, or none that was issued here."""

    status = 403


class TokenExpired(NearcastError):
    """The token in the path has expired."""

    status = 403


class TokenForeign(NearcastError):
    """The token in the path was issued for another path or client."""

    status = 403


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

    def check(self, path: str, now: float, address: str) -> None:
        """Lets ``address`` read ``path`` at ``now``.

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
    parts = [part.encode("ascii") for part in (token.key_id, token.prefix, token.address)]
    if any(len(part) > 255 for part in parts):
        raise ValueError("a part of the token is longer than 255 characters")
    signed = bytes([_VERSION]) + token.expires.to_bytes(5, "big")
    signed += bytes(map(len, parts)) + b"".join(parts)
    text = base64.urlsafe_b64encode(signed + _tag(signed, secret)).rstrip(b"=").decode()
    if len(text) > LONGEST:
        raise ValueError(f"the token is longer than {LONGEST} characters")
    return text


class Verifier:
    """Reads tokens that are signed with one of several keys."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Knows the keys ``secrets`` by name; several are good while one is replaced."""
        self._secrets = dict(secrets)

    def verify(self, text: str) -> PathToken:
        """What the token ``text`` says.

        Raises:
            TokenInvalid: it is cut, forged, or signed with a key that is not known.
        """
        try:
            data = base64.b64decode(
                text + "=" * (-len(text) % 4) if len(text) <= LONGEST else "!",
                altchars=b"-_",
                validate=True,
            )
        except (binascii.Error, ValueError) as error:
            raise TokenInvalid from error
        signed, tag = data[:-_TAG], data[-_TAG:]
        lengths = signed[6:_HEAD]
        if len(lengths) < 3 or signed[0] != _VERSION or len(signed) != _HEAD + sum(lengths):
            raise TokenInvalid
        at = _HEAD + lengths[0]
        key_id = signed[_HEAD:at].decode("latin-1")
        secret = self._secrets.get(key_id)
        if secret is None or not hmac.compare_digest(tag, _tag(signed, secret)):
            raise TokenInvalid
        prefix, address = signed[at : at + lengths[1]], signed[at + lengths[1] :]
        token = PathToken(
            key_id, prefix.decode(), int.from_bytes(signed[1:6], "big"), address.decode()
        )
        if mint(token, secret) != text:
            # Spare bits of the last character: the same token must not have two spellings.
            raise TokenInvalid
        return token


def _tag(signed: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), signed, hashlib.sha256)[:_TAG]
