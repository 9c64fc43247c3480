"""Whose a token is that ingest's settings do not have: the control plane knows (after RFC 7662).

What is uploaded with an account's token is a channel's: that channel is who asks, as a credential
of the settings is of its own uploads, and what the packages name as creator.
"""

from datetime import UTC, datetime
from typing import Final

import aiohttp
import msgspec
from aiohttp import web

from common.errors import NearcastError, Unavailable
from common.messages import MessageInvalid, TokenQuestion, TokenStanding, decode, encode
from common.service import Credential, Role

ANSWER_WITHIN: Final = 2.0
"""Seconds that the control plane may take."""
LARGEST_ANSWER: Final = 64 * 1024
"""Bytes."""
CHANNEL_FIELD: Final = "Nearcast-Channel"
"""The field that names the channel for which an account with several acts."""


class ChannelNotNamed(NearcastError):
    """The account has {count} channels: name the one that it is about in `Nearcast-Channel`."""

    status = 403


class NoChannel(NearcastError):
    """The account has no channel yet: make one at the control plane first."""

    status = 403


class ChannelForbidden(NearcastError):
    """The channel {channel!r} is not one of the account's."""

    status = 403


class Introspection:
    """Asks the control plane."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """``session`` presents ingest's own token; ``url`` is where the control plane is."""
        self._session = session
        self._url = f"{url.rstrip('/')}/v1/tokens/introspect"

    async def find(self, digest: bytes) -> Credential | None:
        """What the token with that SHA-256 opens; None when it is nobody's.

        Raises:
            Unavailable: the control plane does not answer, or not as it should.
        """
        body = encode(TokenQuestion(digest.hex()))
        fields = {"Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        try:
            async with self._session.post(
                self._url, data=body, headers=fields, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status == 404:
                    # It has no accounts.
                    return None
                if response.status != 200:
                    raise _away(f"it answers {response.status}")
                standing = decode(await _within(response), TokenStanding)
        except MessageInvalid as error:
            raise _away("it answers with something else") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _away(str(error) or "it does not answer") from error
        return _credential(standing) if standing.active else None


def act_as(request: web.Request, credential: Credential) -> Credential:
    """The channel for which an account's credential acts; an operator's may act for itself.

    Raises:
        NoChannel: the account publishes to none.
        ChannelNotNamed: it publishes to several, and the request does not say to which.
        ChannelForbidden: the request names another's.
    """
    if not credential.may(Role.PUBLISHER):
        return credential
    named, channels = request.headers.get(CHANNEL_FIELD), credential.channels
    if named is None and len(channels) == 1:
        (named,) = channels
    if named is None:
        if credential.may(Role.OPERATOR):
            return credential
        raise ChannelNotNamed(count=len(channels)) if channels else NoChannel
    if named not in channels:
        raise ChannelForbidden(channel=named[:64])
    return msgspec.structs.replace(credential, name=named)


async def _within(response: aiohttp.ClientResponse) -> bytes:
    body = await response.content.read(LARGEST_ANSWER + 1)
    while len(body) <= LARGEST_ANSWER and (more := await response.content.read(LARGEST_ANSWER)):
        body += more
    if len(body) > LARGEST_ANSWER:
        raise _away("it answers with too much")
    return body


def _credential(standing: TokenStanding) -> Credential:
    end = standing.exp
    return Credential(
        name=standing.username,
        roles=frozenset(Role(role) for role in standing.roles),
        expires_at=datetime.fromtimestamp(end, UTC) if end is not None else None,
        user_id=standing.sub,
        channels=frozenset(standing.channels),
    )


def _away(reason: str) -> Unavailable:
    return Unavailable(what="The control plane, which knows accounts,", reason=reason[:200])
