"""PDQ hashes of a video's frames, one a second, and the SHA-256 of its file."""

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pdqhash
from numpy.typing import NDArray

from ingest.filter.model import Subject
from ingest.filter.tools import Tools
from ingest.inspect.limits import InspectionLimits
from ingest.inspect.probe import inspect

RATE: Final = 1.0
"""Frames a second, as in vPDQ."""

SIDE: Final = 384
"""Pixels. PDQ itself shrinks pictures to 64 × 64; to begin with this size costs a tenth. Its
windows are then three pixels wide, and so in the middle: with 256 or 512, an even number, hashes
lie at least twice as far from those of whole pictures."""

LONGEST: Final = 24 * 3600.0
"""Seconds that hashing a file by hand may take."""


class FrameHash(msgspec.Struct, frozen=True):
    """The hash of one frame."""

    time: float
    """Seconds from the first frame."""
    pdq: bytes
    """32 bytes, as its hexadecimal form reads."""
    quality: int
    """0 to 100: how much there is in the picture that tells it from others."""


class FileHashes(msgspec.Struct, frozen=True):
    """The hashes of one file."""

    sha256: str
    """In lower-case hexadecimal."""
    frames: tuple[FrameHash, ...]


def frame_hashes(subject: Subject, tools: Tools) -> Iterator[FrameHash]:
    """The hash of each second's frame.

    Raises:
        FilterFailed: the video cannot be decoded.
    """
    for frame in tools.frames(subject, rate=RATE, width=SIDE, height=SIDE):
        yield FrameHash(frame.time, *pdq(frame.picture))


def pdq(picture: NDArray[np.uint8]) -> tuple[bytes, int]:
    """The PDQ hash of ``picture`` (height × width × RGB) and its quality, 0 to 100."""
    bits, quality = pdqhash.compute(picture)
    return np.packbits(bits).tobytes(), int(quality)


async def hashes_of(file: Path) -> FileHashes:
    """What block lists would hold of ``file``.

    Raises:
        UploadRefused: it is no video that can be used.
        FilterFailed: it cannot be decoded.
    """
    media = await inspect(file, InspectionLimits())

    def look() -> FileHashes:
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        subject = Subject(str(file.absolute()), sha256, media.byte_size, media, "", file.name, "")
        with tempfile.TemporaryDirectory(prefix="nearcast-hash-") as folder:
            tools = Tools(Path(folder), seconds=LONGEST)
            return FileHashes(sha256, tuple(frame_hashes(subject, tools)))

    return await asyncio.to_thread(look)
