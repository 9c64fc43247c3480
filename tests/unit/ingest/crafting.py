"""Containers written by hand, where no muxer would write what a test needs."""

import struct
from collections.abc import Iterator


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of an ISO base media file."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents of the boxes in ``data``."""
    offset = 0
    while offset + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        yield kind, data[offset + 8 : offset + size]
        offset += size


def changed(data: bytes, path: tuple[bytes, ...], content: bytes) -> bytes:
    """``data`` with the content of each box at ``path`` replaced. Boxes before it must not move."""
    first, *rest = path
    made = []
    for kind, inner in boxes(data):
        if kind == first:
            made.append(box(kind, changed(inner, tuple(rest), content) if rest else content))
        else:
            made.append(box(kind, inner))
    return b"".join(made)


def content(data: bytes, path: tuple[bytes, ...]) -> bytes:
    """The content of the first box at ``path``."""
    for kind in path:
        data = next(inner for found, inner in boxes(data) if found == kind)
    return data


def chunk(kind: bytes, *content: bytes) -> bytes:
    """A chunk of a RIFF file."""
    body = b"".join(content)
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def avi(frames: list[bytes], subtitle: bytes) -> bytes:
    """An AVI file of JPEG ``frames``, 64 by 48, with ``subtitle`` embedded as a file (GAB2)."""
    count = len(frames)
    picture = struct.pack("<IiiHH4sIiiII", 40, 64, 48, 1, 24, b"MJPG", 64 * 48 * 3, 0, 0, 0, 0)
    head = struct.pack("<14I", 40000, 0, 0, 0x10, count, 0, 2, 1 << 20, 64, 48, *(0,) * 4)
    header = "<4s4sIHHIIIIIIiI4H"
    timing = (0, 0, 0, 0, 1, 25, 0, count, 0, -1, 0)
    video = struct.pack(header, b"vids", b"MJPG", *timing, 0, 0, 64, 48)
    text = struct.pack(header, b"txts", bytes(4), *timing, 0, 0, 0, 0)
    streams = [
        chunk(b"LIST", b"strl", chunk(b"strh", video), chunk(b"strf", picture)),
        chunk(b"LIST", b"strl", chunk(b"strh", text), chunk(b"strf", b"")),
    ]
    name = "a".encode("utf-16le") + b"\0\0"
    gab2 = b"GAB2\0" + struct.pack("<HI", 2, len(name)) + name
    gab2 += struct.pack("<HI", 4, len(subtitle)) + subtitle
    movie = [chunk(b"01tx", gab2), *(chunk(b"00dc", frame) for frame in frames)]
    body = chunk(b"LIST", b"hdrl", chunk(b"avih", head), *streams)
    body += chunk(b"LIST", b"movi", *movie)
    return chunk(b"RIFF", b"AVI ", body)


def ebml(name: int, *content: bytes | int) -> bytes:
    """An element of a Matroska file (RFC 8794 §4 to §7); integers become eight bytes."""
    body = b"".join(
        part if isinstance(part, bytes) else part.to_bytes(8, "big") for part in content
    )
    length = (1 << 56 | len(body)).to_bytes(8, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + length + body


def matroska(
    blocks: list[bytes],
    *,
    width: int = 64,
    height: int = 48,
    seconds: float = 1.0,
    track: bytes = b"",
) -> bytes:
    """A Matroska file of Motion JPEG ``blocks``, with more elements of its ``track``."""
    head = ebml(0x1A45DFA3, ebml(0x4282, b"matroska"), ebml(0x4287, 4), ebml(0x4285, 2))
    duration = ebml(0x4489, struct.pack(">d", seconds * 1e3))
    info = ebml(0x1549A966, ebml(0x2AD7B1, 1_000_000), duration)
    video = ebml(0xE0, ebml(0xB0, width), ebml(0xBA, height))
    facts = ebml(0xD7, 1) + ebml(0x73C5, 1) + ebml(0x83, 1) + ebml(0x86, b"V_MJPEG")
    entry = ebml(0xAE, facts, video, track)
    clusters = [
        ebml(0x1F43B675, ebml(0xE7, number * 40), ebml(0xA3, b"\x81\0\0", block))
        for number, block in enumerate(blocks)
    ]
    return head + ebml(0x18538067, info, ebml(0x1654AE6B, entry), *clusters)


def swollen(pictures: list[bytes], side: int) -> list[bytes]:
    """JPEG ``pictures`` with headers that say that they are ``side`` by ``side``."""
    made = []
    for picture in pictures:
        place = picture.index(b"\xff\xc0") + 5
        made.append(picture[:place] + struct.pack(">HH", side, side) + picture[place + 4 :])
    return made
