"""The origin, as an edge asks it."""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import hdrs

from edge.fetch.errors import (
    UpstreamBroke,
    UpstreamRefused,
    UpstreamSlow,
    UpstreamUnknown,
    UpstreamUnreachable,
)

TIMEOUTS = aiohttp.ClientTimeout(total=None, connect=5, sock_connect=5, sock_read=10)
"""Seconds to connect, and between two arrivals of bytes, the first one included."""
PIECE = 256 * 1024
"""Bytes handed on at once, at most."""


@dataclass(frozen=True)
class Arrival:
    """The head of a 200 from upstream, and its body."""

    fields: dict[str, str]
    """By lower-case name; several lines of one name joined with commas (RFC 9110 §5.3)."""
    size: int | None
    """Bytes, where Content-Length tells."""
    sha256: bytes | None
    """What the body's digest must be, where Repr-Digest tells (RFC 9530)."""
    pieces: AsyncIterator[bytes]


class Upstream:
    """Asks one origin for objects."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self.requests = 0

    @asynccontextmanager
    async def get(self, key: str) -> AsyncIterator[Arrival]:
        """Asks for the object ``key``.

        Raises:
            UpstreamUnknown: there is none.
            UpstreamRefused: the origin does not take this edge's credential.
            UpstreamSlow: it does not answer, or stalls.
            UpstreamUnreachable: no connection to it.
            UpstreamBroke: it answers something else, or breaks off.
        """
        self.requests += 1
        try:
            async with self._session.get(
                f"{self._url}/{key}",
                # What is stored is what is served: no transformation on the way.
                headers={hdrs.ACCEPT_ENCODING: "identity"},
                allow_redirects=False,
            ) as response:
                _check_status(response.status, key)
                yield _arrival(response, key)
        except TimeoutError as error:
            raise UpstreamSlow from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnreachable(reason=str(error)) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise UpstreamBroke(key=key, reason=str(error) or type(error).__name__) from error


def _check_status(status: int, key: str) -> None:
    if status in {404, 410}:
        raise UpstreamUnknown(key=key)
    if status in {401, 403}:
        raise UpstreamRefused
    if status != 200:
        raise UpstreamBroke(key=key, reason=f"it answers {status}")


def _arrival(response: aiohttp.ClientResponse, key: str) -> Arrival:
    fields: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        fields[lower] = f"{fields[lower]}, {value}" if lower in fields else value
    if fields.get("content-encoding", "identity") != "identity":
        raise UpstreamBroke(key=key, reason="it encodes content that was asked for as it is")
    return Arrival(
        fields=fields,
        size=response.content_length,
        sha256=_repr_digest(fields.get("repr-digest", "")),
        pieces=response.content.iter_chunked(PIECE),
    )


def _repr_digest(field: str) -> bytes | None:
    """The SHA-256 in a Repr-Digest field (RFC 9530 §3, a dictionary of RFC 8941)."""
    match = re.search(r"(?:^|,)[ \t]*sha-256=:([A-Za-z0-9+/=]{44}):", field)
    if match is None:
        return None
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error:
        return None
