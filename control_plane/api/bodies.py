"""Reading messages from request bodies, within bounds."""

import asyncio
from typing import TypeVar

from aiohttp import web

from common.errors import NearcastError
from common.messages import decode

T = TypeVar("T")

KIBIBYTE = 1024
COMES_WITHIN = 30.0
"""Seconds."""


class BodyTooLarge(NearcastError):
    """The body has more than the {limit} bytes that are taken here."""

    status = 413


class BodyTooSlow(NearcastError):
    """The body did not come within {limit:.0f} seconds."""

    status = 408


class BodyTruncated(NearcastError):
    """The body ended before its announced length."""

    status = 400


async def read_message(request: web.Request, kind: type[T], *, limit: int) -> T:
    """The message of type ``kind`` in the body of ``request``.

    Raises:
        MessageInvalid: it is no such message; and as ``read_body``.
    """
    return decode(await read_body(request, limit=limit), kind)


async def read_body(request: web.Request, *, limit: int) -> bytes:
    """The body of ``request``.

    Raises:
        BodyTooLarge: it has more than ``limit`` bytes.
        BodyTooSlow: it takes longer than ``COMES_WITHIN``.
        BodyTruncated: the client went away in the middle.
    """
    if (request.content_length or 0) > limit:
        raise BodyTooLarge(limit=limit)
    body = bytearray()
    try:
        async with asyncio.timeout(COMES_WITHIN):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > limit:
                    raise BodyTooLarge(limit=limit)
    except TimeoutError as error:
        raise BodyTooSlow(limit=COMES_WITHIN) from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise BodyTruncated from error
    return bytes(body)
