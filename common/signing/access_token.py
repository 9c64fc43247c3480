"""Common Access Tokens (CTA-5007), the format that other CDNs know too.

One is a CBOR Web Token (RFC 8392) in a COSE_Mac0 (RFC 9052 §6.2) with HMAC 256/256 (RFC 9053 §3.1),
in base64url without padding. Its claims have their numbers from IANA's registry of CWT claims. Of
those that restrict, these are carried out: ``exp``, which must be there, and ``nbf``; ``catu`` on
the path, as it is without the token: exact, prefix, suffix, contains; ``catnip`` on addresses and
prefixes (RFC 9164). A token with any other that restricts, or one that nobody knows here, opens
nothing: what its issuer forbade would be allowed otherwise.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar, Final, TypeGuard

import cbor2
from cwt import COSE, COSEKey
from cwt.cose_key_interface import COSEKeyInterface
from cwt.exceptions import CWTError

from common.signing.errors import (
    TokenEarly,
    TokenExpired,
    TokenForeign,
    TokenInvalid,
    TokenKeyUnknown,
    TokenUnsupported,
)
from common.signing.plain_cbor import decoded

LONGEST_ACCESS_TOKEN: Final = 1024
"""Characters of one."""
_MAC0, _CWT = 17, 61
"""CBOR tags (RFC 9052 §2, RFC 8392 §6)."""
_ALGORITHM, _KEY_ID = 1, 4
"""Header parameters (RFC 9052 §3.1)."""
_KNOWN_PARAMETERS: Final = {_ALGORITHM, 3, _KEY_ID, 16}
"""Those and content type and type, which restrict nothing."""
_HMAC_256 = 5
_EXP, _NBF, _CATREPLAY, _CATV, _CATNIP, _CATU = 4, 5, 308, 310, 311, 312
_UNRESTRICTING: Final = {1, 2, 6, 7}
"""iss, sub, iat and cti: who issued it to whom, when, and its name."""
_PATH = 3
"""The part of a URI that ``catu`` is understood on."""
_MATCHES: Final[dict[int, Callable[[str, str], bool]]] = {
    0: str.__eq__,
    1: str.startswith,
    2: str.endswith,
    3: str.__contains__,
}
"""What ``catu`` may ask of a path: exact, prefix, suffix, contains."""
_PREFIX = 1
_WIDTHS: Final = {52: 32, 54: 128}
"""Bits of an address, by its CBOR tag (RFC 9164)."""
_LATEST = 2**40
"""A POSIX time after all that are meant: 34,865 years from 1970."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token says."""

    key_id: str
    """Which key it is signed with."""
    expires: float
    """POSIX seconds from which on it is worth nothing."""
    path: tuple[tuple[int, str], ...] = ()
    """What the path must be like: kinds of matches, as ``catu`` numbers them, and what with."""
    networks: tuple[Network, ...] | None = None
    """The only clients that may use it; None for any."""
    not_before: float = 0
    """POSIX seconds before which it is worth nothing."""

    session: ClassVar[str] = ""
    """Never one: no claim that is registered tells a session of CMCD."""

    @property
    def shared(self) -> bool:
        """Whether any client may use it."""
        return self.networks is None

    def check(self, path: str, now: float, address: str) -> None:
        """Lets ``address`` read ``path`` at ``now``.

        Raises:
            TokenExpired, TokenEarly, TokenForeign: it does not.
        """
        if now >= self.expires:
            raise TokenExpired
        if now < self.not_before:
            raise TokenEarly
        if not all(_MATCHES[kind](path, text) for kind, text in self.path):
            raise TokenForeign
        if self.networks is not None and not _within(address, self.networks):
            raise TokenForeign


class AccessTokens:
    """Signs and reads tokens with keys."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Knows the keys ``secrets`` by name."""
        self._cose = COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True)
        self._keys: dict[bytes, COSEKeyInterface] = {
            name.encode(): COSEKey.from_symmetric_key(
                secret.encode(), alg="HMAC 256/256", kid=name.encode()
            )
            for name, secret in secrets.items()
        }

    def mint(self, key_id: str, prefix: str, expires: int, address: str = "") -> str:
        """A token that opens what begins with ``prefix``, until ``expires``, POSIX seconds.

        Args:
            key_id: the key that signs it.
            prefix: such as ``/v/film/1/``.
            expires: from then on it is worth nothing.
            address: the only client that may use it; empty for any.

        Raises:
            ValueError: it is too long.
        """
        claims: dict[int, object] = {_EXP: expires, _CATV: 1, _CATU: {_PATH: {_PREFIX: prefix}}}
        if address:
            packed = ip_address(address).packed
            claims[_CATNIP] = [cbor2.CBORTag(52 if len(packed) == 4 else 54, packed)]
        made = self._cose.encode_and_mac(cbor2.dumps(claims), self._keys[key_id.encode()])
        assert isinstance(made, bytes)
        text = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
        if len(text) > LONGEST_ACCESS_TOKEN:
            raise ValueError(f"the token is longer than {LONGEST_ACCESS_TOKEN} characters")
        return text

    def read(self, data: bytes) -> AccessToken:
        """What the bytes of a token say.

        Raises:
            TokenInvalid: it is cut, forged, or none in COSE_Mac0 with HMAC 256/256.
            TokenKeyUnknown: it is signed with another key.
            TokenUnsupported: it restricts what cannot be checked here.
        """
        message, key_id = _message(data)
        key = self._keys.get(key_id)
        if key is None:
            raise TokenKeyUnknown
        try:
            payload = self._cose.decode(message, key)
        except (CWTError, ValueError, TypeError) as error:
            raise TokenInvalid from error
        claims = decoded(payload)
        if not isinstance(claims, dict):
            raise TokenInvalid
        return _token(key_id.decode(), claims)


def is_access_token(data: bytes) -> bool:
    """Whether the bytes of a token begin with the tag of COSE_Mac0, or of a CWT."""
    return data[:1] == b"\xd1" or data[:2] == b"\xd8\x3d"


def _message(data: bytes) -> tuple[cbor2.CBORTag, bytes]:
    """The COSE_Mac0 in ``data``, and the name of its key.

    What the key does not vouch for must be in the one form that it can have: else anybody could
    make many tokens of one.

    Raises:
        TokenInvalid: it is none, or none with HMAC 256/256.
    """
    message = decoded(data)
    if not isinstance(message, cbor2.CBORTag) or cbor2.dumps(message) != data:
        raise TokenInvalid
    if message.tag == _CWT:
        message = message.value
    if not isinstance(message, cbor2.CBORTag) or message.tag != _MAC0:
        raise TokenInvalid
    parts: Any = message.value
    if not isinstance(parts, list) or [type(part) for part in parts] != [bytes, dict, bytes, bytes]:
        raise TokenInvalid
    protected = decoded(parts[0])
    if not isinstance(protected, dict) or not _KNOWN_PARAMETERS.issuperset(protected):
        raise TokenInvalid
    if protected.get(_ALGORITHM) != _HMAC_256:
        raise TokenInvalid
    # The key's name stands in one place, and nothing else where the key does not vouch for it.
    named = protected if _KEY_ID in protected else parts[1]
    key_id = named.get(_KEY_ID)
    if not isinstance(key_id, bytes) or len(parts[1]) != (named is parts[1]):
        raise TokenInvalid
    return message, key_id


def _token(key_id: str, claims: Mapping[Any, Any]) -> AccessToken:
    """What ``claims`` say.

    Raises:
        TokenUnsupported: they restrict what cannot be checked here.
    """
    expires, not_before = claims.get(_EXP), claims.get(_NBF, 0)
    if not _is_time(expires):
        raise TokenUnsupported(what="it has no expiry, or none that can be read")
    if not _is_time(not_before):
        raise TokenUnsupported(what="the time from which on it is good cannot be read")
    # No replays are counted here: it must allow them.
    fixed = {_CATV: 1, _CATREPLAY: 0}
    others = claims.keys() - _UNRESTRICTING - {_EXP, _NBF, _CATNIP, _CATU}
    for claim in others:
        if claim not in fixed or claims[claim] != fixed[claim]:
            raise TokenUnsupported(what=f"claim {str(claim)[:40]}")
    nip = claims.get(_CATNIP)
    networks = None if nip is None else _networks(nip)
    return AccessToken(key_id, expires, _path(claims.get(_CATU, {})), networks, not_before)


def _is_time(told: object) -> TypeGuard[float]:
    # True is an integer in Python, and what is no number is neither below nor above one.
    if isinstance(told, bool) or not isinstance(told, int | float):
        return False
    return 0 <= told < _LATEST


def _path(catu: object) -> tuple[tuple[int, str], ...]:
    """What ``catu`` asks of the path.

    Raises:
        TokenUnsupported: it asks for something else.
    """
    if not isinstance(catu, dict) or not {_PATH}.issuperset(catu):
        raise TokenUnsupported(what="claim 312 on more than the path")
    asked = catu.get(_PATH, {})
    if not isinstance(asked, dict):
        raise TokenUnsupported(what="claim 312 in another form")
    for kind, text in asked.items():
        if kind not in _MATCHES or not isinstance(text, str):
            raise TokenUnsupported(what=f"match {str(kind)[:40]} in claim 312")
    return tuple(asked.items())


def _networks(catnip: object) -> tuple[Network, ...]:
    """The networks that ``catnip`` allows; of an autonomous system's number nobody knows here who
    is in it.

    Raises:
        TokenUnsupported: it is no list.
    """
    if not isinstance(catnip, list):
        raise TokenUnsupported(what="claim 311 in another form")
    return tuple(filter(None, map(_network, catnip)))


def _network(told: object) -> Network | None:
    """An address or a prefix (RFC 9164 §3.1); None for anything else."""
    if not isinstance(told, cbor2.CBORTag) or told.tag not in _WIDTHS:
        return None
    width, value = _WIDTHS[told.tag], told.value
    length, packed = (width, value) if isinstance(value, bytes) else (None, None)
    if isinstance(value, list) and [type(part) for part in value] == [int, bytes]:
        length, packed = value[0], value[1].ljust(width // 8, b"\0")
    if length is None or packed is None or len(packed) != width // 8 or not 0 <= length <= width:
        return None
    return ip_network((packed, length), strict=False)


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    client = _parsed(address)
    return client is not None and any(client in network for network in networks)


@lru_cache(4096)
def _parsed(address: str) -> Any:
    try:
        return ip_address(address)
    except ValueError:
        return None
