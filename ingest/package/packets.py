"""Key frames in a transport stream of video alone (ISO/IEC 13818-1 §2.4.3)."""

import re
from typing import Final, NamedTuple

from ingest.package.errors import PartInvalid

PACKET: Final = 188
"""Bytes of a packet."""
SYNC: Final = b"\x47"
"""Its first byte."""

UNIT_START: Final = re.compile(rb"[\x40-\x7f\xc0-\xff]")
"""A second byte with ``payload_unit_start_indicator``."""

ADAPTATION: Final = 0x20
"""Bit of the fourth byte: fields stand before the payload."""
RANDOM_ACCESS: Final = 0x40
"""Bit of the sixth byte, if they do: a decoder can start here."""

MOST_TABLES: Final = 8
"""That can stand before a key frame."""

VIDEO: Final = re.compile(rb"\x00\x00\x01[\xe0-\xef]")
"""What a packet of an elementary stream of video starts with (§2.4.3.7)."""


class Piece(NamedTuple):
    """Some packets in a row."""

    offset: int
    """Bytes from the start."""
    size: int


class _Unit(NamedTuple):
    packet: int
    video: bool
    key: bool


def require_packets(name: str, data: bytes) -> None:
    """Refuse what is not whole packets.

    Raises:
        PartInvalid: it is not.
    """
    if not data or len(data) % PACKET or data[::PACKET].strip(SYNC):
        raise PartInvalid(name=name, reason="it is no transport stream")


def key_pieces(data: bytes) -> list[Piece]:
    """Where each key frame lies in ``data``, whole packets of one stream of video.

    The tables that stand before it are part of it, so that a decoder can start there.
    """
    units = [_unit(data, found.start()) for found in UNIT_START.finditer(data[1::PACKET])]
    pieces = []
    for place, unit in enumerate(units):
        if not unit.key:
            continue
        first = unit.packet
        for before in reversed(units[max(0, place - MOST_TABLES) : place]):
            if before.video or before.packet != first - 1:
                break
            first = before.packet
        end = units[place + 1].packet if place + 1 < len(units) else len(data) // PACKET
        pieces.append(Piece(first * PACKET, (end - first) * PACKET))
    return pieces


def _unit(data: bytes, packet: int) -> _Unit:
    start = packet * PACKET
    payload, flags = start + 4, 0
    if data[start + 3] & ADAPTATION:
        length = data[start + 4]
        payload += 1 + length
        flags = data[start + 5] if length else 0
    end = start + PACKET
    video = VIDEO.match(data, payload, end) is not None
    return _Unit(packet, video, video and bool(flags & RANDOM_ACCESS))
