"""Positions in lists as text that clients hand back: bounded, checked, and nobody's business. Pure.

A cursor is not signed: who makes one up reads the same list from another place.
"""

import base64
import binascii
import math
import struct
from typing import Annotated, Final, TypeVar

import msgspec

from common.errors import NearcastError
from common.messages.packages import IDENTIFIER_PATTERN
from control_plane.feed.mixing import MOST_POPULAR, POPULAR_EVERY, Position
from control_plane.feed.timelines import Entry
from control_plane.metadata.records import After

LONGEST: Final = 1024
"""Characters."""

T = TypeVar("T")

_Name = Annotated[str, msgspec.Meta(pattern=rf"^(?:{IDENTIFIER_PATTERN})?\Z")]


class CursorInvalid(NearcastError):
    """The cursor is none that this list has given: begin without one."""

    status = 400


class _Feed(msgspec.Struct, frozen=True, array_like=True):
    at: float
    asset_id: _Name
    place: Annotated[int, msgspec.Meta(ge=0, lt=POPULAR_EVERY)]
    shown: Annotated[bytes, msgspec.Meta(max_length=4 * MOST_POPULAR)]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list that is sorted by time, and by name where that is the same."""

    at: float
    asset_id: _Name


class SearchPlace(msgspec.Struct, frozen=True, array_like=True):
    """A place in what a search finds."""

    after: After

    def __post_init__(self) -> None:
        if self.after.tier not in {0, 1} or not abs(self.after.at) <= 2**53:
            raise ValueError("nothing can stand there")


def position_cursor(position: Position) -> str:
    """The cursor of a position in a feed."""
    before, shown = position.before, position.shown
    marks = struct.pack(f"<{len(shown)}I", *shown)
    return cursor(_Feed(before.first_at, before.asset_id, position.place, marks))


def position_at(text: str) -> Position:
    """The position that ``text`` is the cursor of.

    Raises:
        CursorInvalid: it is none.
    """
    told = at_cursor(text, _Feed)
    if math.isnan(told.at) or len(told.shown) % 4:
        raise CursorInvalid
    shown = struct.unpack(f"<{len(told.shown) // 4}I", told.shown)
    return Position(Entry(told.at, told.asset_id), told.place, shown)


def cursor(place: msgspec.Struct) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def at_cursor(text: str, kind: type[T]) -> T:
    """The place of that kind that ``text`` is the cursor of.

    Raises:
        CursorInvalid: it is none.
    """
    if len(text) > LONGEST:
        raise CursorInvalid
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(packed, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        raise CursorInvalid from error
