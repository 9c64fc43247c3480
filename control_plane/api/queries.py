"""Reading numbers and addresses from queries."""

import re
from typing import Final

from aiohttp import web

from common.errors import BadRequest, NearcastError
from control_plane.routing import client_address
from control_plane.routing.clients import Address

WHOLE: Final = re.compile(r"[0-9]{1,18}")
NUMBER: Final = re.compile(r"[0-9]{1,19}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?")
"""As JSON writes one (RFC 8259 §6), though zeros may lead."""


class AddressInvalid(NearcastError):
    """The parameter ip has to be one IPv4 or IPv6 address."""

    status = 400


def address_asked(request: web.Request) -> Address:
    """The address that the query has as ``ip``.

    Raises:
        AddressInvalid: it has none, or several.
    """
    try:
        (told,) = request.query.getall("ip", [])
        return client_address(told, (), ())
    except ValueError as error:
        raise AddressInvalid from error


def whole_number(request: web.Request, name: str, otherwise: int = 0) -> int:
    """The number that the query has under ``name``; ``otherwise`` when it has none.

    Raises:
        BadRequest: it is none, or below 0.
    """
    text = request.query.get(name)
    if text is None:
        return otherwise
    if not WHOLE.fullmatch(text):
        raise BadRequest(detail=f"{name} has to be a whole number, 0 or above.")
    return int(text)


def seconds(request: web.Request, name: str, *, most: float) -> float:
    """The seconds that the query has under ``name``, 0 when it has none; ``most`` where it is more
    than that.

    Raises:
        BadRequest: it is no number, or below 0.
    """
    text = request.query.get(name, "0")
    if not NUMBER.fullmatch(text):
        raise BadRequest(detail=f"{name} has to be a number, 0 or above.")
    return min(float(text), most)
