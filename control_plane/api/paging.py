"""Pages of lists: how many are asked for, and where the next page is."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from common.errors import BadRequest

LONGEST_LIMIT: Final = 6
"""Digits."""


def limit_of(request: web.Request, default: int, most: int) -> int:
    """How many a request asks for.

    Raises:
        BadRequest: it is no number from 1 to ``most``.
    """
    text = request.query.get("limit", str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_LIMIT else 0
    if not 1 <= number <= most:
        raise BadRequest(detail=f"The parameter limit has to be a number from 1 to {most}.")
    return number


def next_link(request: web.Request, cursor: str) -> str:
    """The Link field that names the page after the one that was asked for (RFC 8288 §3)."""
    query = [(name, value) for name, value in request.query.items() if name != "cursor"]
    return f'<{request.path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'
