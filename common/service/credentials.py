"""Who may do what: bearer tokens (RFC 6750) and the roles they open."""

import base64
import binascii
import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web

from common.clock import Clock, SystemClock
from common.errors import (
    CredentialExpired,
    CredentialForbidden,
    CredentialMissing,
    CredentialUnknown,
    NearcastError,
)


class Role(StrEnum):
    """What a credential opens."""

    OPERATOR = "operator"
    """Everything."""
    PUBLISHER = "publisher"
    """Uploading, and reading one's jobs."""
    VIEWER = "viewer"
    """What an account may see and do for itself."""
    EDGE = "edge"
    """Reading objects from the origin and reporting to the control plane, as the edge it names."""
    INGEST = "ingest"
    """Announcing packages to the control plane."""
    CONTROL = "control"
    """Reading jobs for the control plane's page, and deleting removed versions at the origin."""


class CredentialSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A token and what it opens."""

    name: Annotated[
        str,
        msgspec.Meta(
            description="Who holds the token; an edge's credential has the edge's name.",
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            extra={"example": "eu-1"},
        ),
    ]
    token: Annotated[
        str,
        msgspec.Meta(
            description="The secret, as sent in `Authorization: Bearer TOKEN`.",
            min_length=16,
            max_length=512,
            extra={"example": "a-long-random-secret"},
        ),
    ]
    roles: Annotated[
        tuple[Role, ...],
        msgspec.Meta(
            description="What it opens: operator, publisher, viewer, edge, ingest, control.",
            min_length=1,
            extra={"example": ("edge",)},
        ),
    ]
    expires_at: Annotated[
        Annotated[datetime, msgspec.Meta(tz=True)] | None,
        msgspec.Meta(
            description="When it stops opening anything, with its offset from UTC (RFC 3339). To "
            "take it back sooner, take it out of the settings.",
            extra={"example": "2030-01-31T00:00:00Z"},
        ),
    ] = None


class Credential(msgspec.Struct, frozen=True):
    """A credential that was presented and is known."""

    name: str
    roles: frozenset[Role]
    expires_at: datetime | None = None
    user_id: str | None = None
    """The account whose token it is; None of one in the settings."""
    channels: frozenset[str] = frozenset()
    """The channels that the account publishes to."""

    def may(self, *roles: Role) -> bool:
        """Whether it opens any of ``roles``; an operator's opens all."""
        return Role.OPERATOR in self.roles or not self.roles.isdisjoint(roles)


class Found(msgspec.Struct, frozen=True):
    """What was found out of a token that the settings do not have."""

    credential: Credential | None
    """None when there is no such token."""
    failure: NearcastError | None = None
    """Why nothing was found out, or what keeps the token from being used."""


FOUND: Final = web.RequestKey("nearcast.found", Found)
"""What was found out of the token that a request presents."""


class Gatekeeper:
    """Knows the credentials of one server: those of its settings, and what was found of others."""

    def __init__(
        self, credentials: Iterable[CredentialSettings], clock: Clock | None = None
    ) -> None:
        """``clock`` tells when credentials expire; by default the machine's."""
        self._clock = clock or SystemClock()
        # Looked up by digest, so that the time it takes tells nothing about a token.
        self._known = {
            hashlib.sha256(given.token.encode()).digest(): Credential(
                given.name, frozenset(given.roles), given.expires_at
            )
            for given in credentials
        }
        self._ends: dict[str, float] = {}
        for known in self._known.values():
            end = known.expires_at.timestamp() if known.expires_at is not None else math.inf
            self._ends[known.name] = max(end, self._ends.get(known.name, end))

    def identify(self, request: web.BaseRequest) -> Credential | None:
        """The credential that ``request`` presents; None when it presents none.

        Browsers that ask for a password may send the token as the password of HTTP Basic
        authentication (RFC 7617).

        Raises:
            CredentialUnknown: it presents one that is not known.
            CredentialExpired: it presents one whose time is over.
            NearcastError: whose it is could not be found out.
        """
        token = token_of(request)
        if token is None:
            return None
        digest = digest_of_token(token)
        credential = self._known.get(digest)
        if credential is None:
            credential = _found(request)
        expires = credential.expires_at
        if expires is not None and expires.timestamp() <= self._clock.now():
            at = f"{expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            raise CredentialExpired(name=credential.name, expired_at=at)
        return credential

    def knows(self, digest: bytes) -> bool:
        """Whether the token with that SHA-256 is one of the settings'."""
        return digest in self._known

    def valid_until(self, name: str) -> float | None:
        """Until when a credential of that name opens something, POSIX seconds; infinity when one
        does for ever, None when there is none."""
        return self._ends.get(name)

    def require(self, request: web.BaseRequest, *roles: Role) -> Credential:
        """The credential that ``request`` presents, which opens one of ``roles``.

        Raises:
            CredentialMissing: it presents none.
            CredentialUnknown: it presents one that is not known.
            CredentialExpired: it presents one whose time is over.
            CredentialForbidden: it opens none of ``roles``.
            NearcastError: whose it is could not be found out.
        """
        credential = self.identify(request)
        if credential is None:
            raise CredentialMissing
        if not credential.may(*roles):
            raise CredentialForbidden(
                name=credential.name, needed=", ".join(sorted({Role.OPERATOR, *roles}))
            )
        return credential


def token_of(request: web.BaseRequest) -> str | None:
    """The token that ``request`` presents; None when it presents none.

    Raises:
        CredentialUnknown: it presents something else.
    """
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if not scheme:
        return None
    token = value.strip()
    if scheme.lower() == "basic":
        return _password(token)
    if scheme.lower() != "bearer":
        raise CredentialUnknown
    return token


def digest_of_token(token: str) -> bytes:
    """The SHA-256 by which a token is looked up."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _found(request: web.BaseRequest) -> Credential:
    found: Found | None = request.get(FOUND)
    if found is not None and found.failure is not None:
        raise found.failure
    if found is None or found.credential is None:
        raise CredentialUnknown
    return found.credential


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
