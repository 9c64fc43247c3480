"""Files that would cost far more than they weigh are refused before they do.

Each is inspected with little memory and processor time: what cost more would end in another error.
"""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from common.settings import ByteSize
from ingest.inspect import InspectionLimits, MediaLimits, UploadRefused
from ingest.inspect.errors import (
    CodecForbidden,
    FileDamaged,
    FileNotVideo,
    FileTruncated,
    FrameRateTooHigh,
    InspectionTooCostly,
    PictureTooLarge,
    SoundUnfit,
    StreamsTooMany,
    VideoMissing,
    VideoTooLong,
    VideoUndecodable,
)
from ingest.inspect.probe import inspect
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg, jpegs
from tests.unit.ingest.crafting import avi, box, changed, content, ebml, matroska, swollen

LITTLE = InspectionLimits(wall_seconds=120, processor_seconds=4, memory=ByteSize(800 * 1024 * 1024))
TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
HUGE = 0xFFFFFFFF


def movie() -> bytes:
    """A good one of a second, its index at the end."""
    return clip("movie.mp4", seconds=1, size="64x48", rate="25", sound=False).read_bytes()


def table(kind: bytes, *numbers: int) -> bytes:
    """The movie with one of its sample tables replaced."""
    made = struct.pack(f">{len(numbers)}I", *numbers)
    return changed(movie(), (*TABLES, kind), made)


def samples(count: int) -> bytes:
    """The movie with an index of ``count`` samples of a byte, all in one chunk."""
    data = movie()
    for kind, numbers in (
        (b"stsz", (0, 1, count)),
        (b"stsc", (0, 1, 1, count, 1)),
        (b"stts", (0, 1, count, 1)),
    ):
        made = struct.pack(f">{len(numbers)}I", *numbers)
        data = changed(data, (*TABLES, kind), made)
    return data


def resized(kind: str, real: tuple[int, int], claimed: tuple[int, int]) -> bytes:
    """The movie with the size in its header changed."""
    path = (*TABLES, b"stsd")
    name = clip(kind, seconds=0.1, size=f"{real[0]}x{real[1]}", rate="10", sound=False)
    data = name.read_bytes()
    before, after = struct.pack(">HH", *real), struct.pack(">HH", *claimed)
    return changed(data, path, content(data, path).replace(before, after, 1))


def unmarked(size: tuple[int, int]) -> bytes:
    """A transport stream, which leaves it to the decoder to find the size."""
    words = f"{size[0]}x{size[1]}"
    return clip("large.ts", seconds=0.1, size=words, rate="10", sound=False).read_bytes()


def index_of(*content: bytes) -> bytes:
    """The movie with another index."""
    data = movie()
    return data[: data.index(b"moov") - 4] + box(b"moov", *content)


def compressed_index(size: int) -> bytes:
    """A QuickTime movie whose index is said to be ``size`` bytes, compressed."""
    packed = zlib.compress(bytes(64 << 20))
    inner = box(b"dcom", b"zlib") + box(b"cmvd", struct.pack(">I", size), packed)
    return box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"cmov", inner))


def nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = box(b"moov", box(b"trak", inner))
    return box(b"ftyp", b"isom", bytes(4)) + inner


def zipped_blocks(count: int) -> bytes:
    """A Matroska file whose blocks are zeros, compressed as far as they can be."""
    settings = ebml(0x5034, ebml(0x4254, 0))
    encodings = ebml(0x6D80, ebml(0x6240, ebml(0x5031, 0), ebml(0x5033, 0), settings))
    first = zlib.compress(jpegs()[0])
    bomb = zlib.compress(bytes(9_900_000), 9)
    blocks = [b"\x80" + first, *[b"\x80" + bomb] * count]
    return matroska(blocks, seconds=count / 25, track=encodings)


def laced_blocks(count: int) -> bytes:
    """A Matroska file of blocks that hold 256 frames of a byte each (RFC 9559 §10.3)."""
    laced = b"\x86\xff\x81" + b"\xbf" * 254 + bytes(256)
    return matroska([b"\x80" + jpegs()[0], *[laced] * count], seconds=count / 25)


def streams(count: int) -> bytes:
    again = ("-map", "0:v") * count
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=16x16:r=25:d=0.2", *again, "-c:v", "mpeg4"),
        *("-threads", "1", "many.mkv"),
    )
    return (FOLDER / "many.mkv").read_bytes()


def sound(source: str) -> bytes:
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1", "-f", "lavfi", "-i", source)
    ffmpeg(*picture, "-c:v", "libx264", "-c:a", "pcm_s16le", "sound.mov")
    return (FOLDER / "sound.mov").read_bytes()


BOMBS: dict[str, tuple[Callable[[], bytes], type[UploadRefused], str]] = {
    "a header of 65535 x 65535 pixels": (
        lambda: resized("movie.mp4", (64, 48), (65535, 65535)),
        PictureTooLarge,
        "The picture has 65535 by 65535 pixels; at most 8192 on a side are taken.",
    ),
    "a stream of 16000 x 16000 pixels behind a header of 64 x 48": (
        lambda: resized("large.mp4", (16000, 16000), (64, 48)),
        PictureTooLarge,
        "The picture has 16000 by 16000 pixels; at most 8192 on a side are taken.",
    ),
    "16000 x 16000 pixels in a container that does not say so": (
        lambda: clip(
            "large.ts", seconds=0.1, size="16000x16000", rate="10", sound=False
        ).read_bytes(),
        PictureTooLarge,
        "The picture has 16000 by 16000 pixels; at most 8192 on a side are taken.",
    ),
    "100000 x 100000 pixels in Matroska": (
        lambda: matroska([b"\x80" + jpegs()[0]], width=100_000, height=100_000),
        PictureTooLarge,
        "The picture has 100000 by 100000 pixels; at most 8192 on a side are taken.",
    ),
    "pictures of 65500 x 65500 pixels in an AVI file of 64 x 48": (
        lambda: avi(swollen(jpegs(), 65500), b""),
        VideoUndecodable,
        "The video stream cannot be decoded: Invalid data found when processing input.",
    ),
    "10000 frames per second": (
        lambda: clip("fast.mp4", size="64x48", rate="10000", seconds=1, sound=False).read_bytes(),
        FrameRateTooHigh,
        "The video has 10000.00 frames per second; at most 250 are taken.",
    ),
    "10000 frames per second in a container that does not say so": (
        lambda: clip("fast.mkv", size="64x48", rate="1000", seconds=2, sound=False).read_bytes(),
        FrameRateTooHigh,
        "The video has 1000.00 frames per second; at most 250 are taken.",
    ),
    "an hour in a few kilobytes": (
        lambda: matroska([b"\x80" + one for one in jpegs()], seconds=3600),
        VideoTooLong,
        "The video lasts 3600.0 seconds; at most 600 are taken.",
    ),
    "five minutes in a few kilobytes": (
        lambda: matroska([b"\x80" + one for one in jpegs()], seconds=300),
        FileTruncated,
        "The file ends too early: its header promises 300.0 seconds, and 299.0 are missing.",
    ),
    "four billion samples of a byte": (
        lambda: samples(HUGE),
        FrameRateTooHigh,
        "frames per second",
    ),
    "fifty million samples of a byte": (
        lambda: samples(50_000_000),
        FrameRateTooHigh,
        "frames per second",
    ),
    "a table of times of four billion entries": (
        lambda: table(b"stts", 0, HUGE),
        InspectionTooCostly,
        "Looking into the file takes too much memory.",
    ),
    "four billion times in one entry": (
        lambda: table(b"stts", 0, 1, HUGE, 1),
        FrameRateTooHigh,
        "frames per second",
    ),
    "boxes in boxes": (
        lambda: nested(20_000),
        FileNotVideo,
        "The file is not a video in any format known here.",
    ),
    "five million outermost boxes": (
        lambda: movie() + struct.pack(">I4s", 8, b"free") * 5_000_000,
        FileDamaged,
        "The file is damaged: it is in more than 1000000 pieces.",
    ),
    "an index of five million boxes": (
        lambda: index_of(struct.pack(">I4s", 8, b"free") * 5_000_000),
        VideoMissing,
        "The file has no video stream.",
    ),
    "an index of half a million tracks": (
        lambda: index_of(content(movie(), (b"moov",)), box(b"trak") * 500_000),
        InspectionTooCostly,
        "Looking into the file takes too much memory.",
    ),
    "two gigabytes of index, compressed": (
        lambda: compressed_index(2000 << 20),
        InspectionTooCostly,
        "Looking into the file takes too much memory.",
    ),
    "two hundred streams": (
        lambda: streams(200),
        StreamsTooMany,
        "The file has more than 64 streams, which is the most that is taken.",
    ),
    "forty-eight channels": (
        lambda: sound("aevalsrc=" + "|".join("0" * 48) + ":d=1:s=8000"),
        SoundUnfit,
        "The sound has 48 channels at 8000 Hz; up to 16 at 4000 to 192000 Hz are taken.",
    ),
    "four million samples per second": (
        lambda: sound("aevalsrc=0:d=1:s=4000000"),
        SoundUnfit,
        "The sound has 1 channels at 4000000 Hz; up to 16 at 4000 to 192000 Hz are taken.",
    ),
    "pictures in a codec of archives": (
        lambda: clip("png.mov", "-c:v", "png", seconds=0.1, sound=False).read_bytes(),
        CodecForbidden,
        "Video in the codec png is not taken: use one such as h264, hevc, av1, vp8.",
    ),
    "twenty gigabytes of compressed blocks": (
        lambda: zipped_blocks(2000),
        InspectionTooCostly,
        "Looking into the file takes too much processor time.",
    ),
    "a million frames in laced blocks": (
        lambda: laced_blocks(4000),
        FrameRateTooHigh,
        "frames per second",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_before_it_costs_anything(name: str, tmp_path: Path) -> None:
    build, mistake, sentence = BOMBS[name]
    source = tmp_path / "upload"
    source.write_bytes(build())

    with pytest.raises(UploadRefused) as refused:
        await inspect(source, LITTLE)

    assert type(refused.value) is mistake, refused.value
    assert sentence in str(refused.value)
    assert 400 <= refused.value.status < 500


async def test_the_largest_picture_that_is_taken_is_inspected(tmp_path: Path) -> None:
    source = clip("8k.mp4", seconds=0.2, size="8192x8192", rate="10", sound=False)

    media = await inspect(source, InspectionLimits())

    assert (media.video.width, media.video.height) == (8192, 8192)


async def test_a_film_passes_a_profile_that_takes_it(tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    source.write_bytes(matroska([b"\x80" + one for one in jpegs()] * 40, seconds=40))

    with pytest.raises(VideoTooLong):
        await inspect(source, LITTLE, MediaLimits(max_seconds=10))
    assert (await inspect(source, LITTLE, MediaLimits(max_seconds=60))).video.frame_count == 1000
