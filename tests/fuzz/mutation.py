"""Broken uploads: real containers, changed by chance that a seed decides."""

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.unit.ingest.clips import clip

CORPUS: Final = (
    ("m.mp4", ()),
    ("faststart.mp4", ("-movflags", "+faststart")),
    ("fragments.mp4", ("-movflags", "+frag_keyframe+empty_moov", "-g", "5")),
    ("m.mov", ("-c:v", "mjpeg")),
    ("m.mkv", ()),
    ("m.webm", ("-c:v", "libvpx", "-cpu-used", "8")),
    ("m.ts", ()),
    ("m.avi", ("-c:v", "mpeg4", "-c:a", "pcm_s16le")),
    ("m.flv", ()),
    ("m.ogv", ("-c:v", "libtheora", "-c:a", "libvorbis")),
    ("m.mpg", ("-c:v", "mpeg2video", "-c:a", "mp2")),
    ("m.mxf", ("-c:v", "mpeg2video", "-c:a", "pcm_s16le", "-ar", "48000", "-r", "25")),
    ("m.asf", ("-c:v", "msmpeg4v3", "-c:a", "wmav2")),
)
"""One of each container that is taken, and the codecs that belong in it."""

SIZES: Final = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
"""Numbers at which readers go wrong."""

HEAD: Final = 4096
"""Bytes at either end in which headers and indexes mostly are."""


class Mutant(NamedTuple):
    """A file that was changed."""

    name: str
    """Which it is, and what was done to it."""
    content: bytes


def corpus() -> list[tuple[str, bytes]]:
    """The good files: two thirds of a second, 64 by 48, with sound."""
    made = [clip(name, *options, seconds=0.6, size="64x48", rate="25") for name, options in CORPUS]
    return [(path.name, path.read_bytes()) for path in made]


def mutants(count: int, seed: int) -> Iterator[Mutant]:
    """``count`` files, the same for the same ``seed``."""
    chance = random.Random(seed)
    good = corpus()
    for number in range(count):
        name, content = good[number % len(good)]
        changes = chance.choices(list(CHANGES), k=chance.choice((1, 1, 1, 2, 3)))
        data = bytearray(content)
        for change in changes:
            CHANGES[change](data, chance, good)
        yield Mutant(f"{number}-{'+'.join(changes)}-{Path(name).name}", bytes(data))


Good = list[tuple[str, bytes]]


def _place(data: bytearray, chance: random.Random) -> int:
    """Where to change: as often in the first or last part as anywhere."""
    length = max(1, len(data))
    match chance.randrange(4):
        case 0:
            return chance.randrange(min(HEAD, length))
        case 1:
            return length - 1 - chance.randrange(min(HEAD, length))
        case _:
            return chance.randrange(length)


def _flip(data: bytearray, chance: random.Random, good: Good) -> None:
    for _ in range(chance.choice((1, 1, 4, 64))):
        if data:
            data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random, good: Good) -> None:
    place, length = _place(data, chance), chance.choice((1, 4, 16, 256))
    data[place : place + length] = chance.randbytes(length)


def _number(data: bytearray, chance: random.Random, good: Good) -> None:
    made = struct.pack(chance.choice((">I", "<I")), chance.choice(SIZES))
    place = _place(data, chance)
    data[place : place + 4] = made


def _truncate(data: bytearray, chance: random.Random, good: Good) -> None:
    del data[_place(data, chance) :]


def _cut(data: bytearray, chance: random.Random, good: Good) -> None:
    place = _place(data, chance)
    del data[place : place + chance.choice((1, 4, 188, 4096))]


def _repeat(data: bytearray, chance: random.Random, good: Good) -> None:
    place, length = _place(data, chance), chance.choice((1, 8, 188, 4096))
    data[place:place] = bytes(data[place : place + length]) * chance.choice((1, 2, 50))


def _splice(data: bytearray, chance: random.Random, good: Good) -> None:
    _, other = chance.choice(good)
    begin = chance.randrange(len(other))
    place = _place(data, chance)
    data[place : place + chance.choice((0, 1000))] = other[
        begin : begin + chance.choice((64, 8192))
    ]


def _box(data: bytearray, chance: random.Random) -> tuple[int, int]:
    """Place and size of a box of ISO media, or of what looks like one; at any depth."""
    found = []
    for place in range(len(data) - 8):
        size = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8].isalnum() and 8 <= size <= len(data) - place:
            found.append((place, size))
    return chance.choice(found) if found else (0, 0)


def _size(data: bytearray, chance: random.Random, good: Good) -> None:
    place, size = _box(data, chance)
    wrong = chance.choice((*SIZES, size + 1, size - 1, size * 2, size // 2, len(data)))
    data[place : place + 4] = struct.pack(">I", wrong & 0xFFFFFFFF)


def _double(data: bytearray, chance: random.Random, good: Good) -> None:
    place, size = _box(data, chance)
    data[place:place] = data[place : place + size]


def _swap(data: bytearray, chance: random.Random, good: Good) -> None:
    (one, _), (other, _) = _box(data, chance), _box(data, chance)
    data[one : one + 4], data[other : other + 4] = data[other : other + 4], data[one : one + 4]


CHANGES: Final[dict[str, Callable[[bytearray, random.Random, Good], None]]] = {
    "flip": _flip,
    "overwrite": _overwrite,
    "number": _number,
    "truncate": _truncate,
    "cut": _cut,
    "repeat": _repeat,
    "splice": _splice,
    "size": _size,
    "double": _double,
    "swap": _swap,
}
