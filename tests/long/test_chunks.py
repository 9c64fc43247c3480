"""Chunks of a video, encoded apart and in any order, are as one: in every codec, at every rate."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest
from msgspec.structs import replace

from ingest.inspect import InspectionLimits
from ingest.inspect.probe import inspect
from ingest.plan import VideoCodec, plan
from tests.integration.encoding import SHORT, Encoded, carry_out, encode, frames
from tests.integration.scenes import STEPS, counting, number_of
from tests.unit.ingest.clips import FOLDER, ffmpeg

ALL = replace(SHORT, codecs=tuple(VideoCodec), chunk_seconds=2)
WHOLE = replace(ALL, chunk_seconds=10_000)
TRANSPORT = replace(SHORT, chunk_seconds=2, transport_stream=True)

SECONDS = 7

RATES = {
    "24000/1001": 1,
    "25": 1,
    "30000/1001": 1,
    "50": 1,
    "60000/1001": 1,
    "120": 2,
}
"""How many frames of the source make one of the output."""


def source(rate: str, name: str, *options: str) -> Path:
    count = round(SECONDS * Fraction(rate))
    # Key frames nowhere near the bounds of chunks, and frames that refer to later ones.
    return counting(name, *("-g", "37", "-bf", "3"), *options, rate=rate, frames=count)


def packets(path: Path) -> list[tuple[int | None, int | None, bool]]:
    """Presentation time, decode time and whether a decoder can start there, of all packets."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(p.pts, p.dts, p.is_keyframe) for p in container.demux(stream) if p.size]


def numbers(path: Path) -> list[int]:
    return [number_of(frame.brightness) for frame in frames(path)]


@pytest.mark.parametrize("rate", RATES)
async def test_chunked_and_unchunked_are_alike(rate: str, tmp_path: Path) -> None:
    film = source(rate, f"counting-{rate.replace('/', '-')}.mp4")

    chunked = await encode(film, tmp_path / "chunked", ALL)
    whole = await encode(film, tmp_path / "whole", WHOLE)

    assert [len(made.plan.chunks) for made in (chunked, whole)] == [3, 1]
    assert {one.codec for one in chunked.plan.video} == set(VideoCodec)
    for one in chunked.plan.video:
        joined = chunked.joined(one.name)
        assert len(chunked.inits(one.name)) == 1
        assert packets(joined) == packets(whole.joined(one.name))
        assert chunked.times(one.name) == chunked.grid(one.frame_step)
        interval = chunked.plan.keyframe_interval // one.frame_step
        keys = [at for at, (*_, key) in enumerate(packets(joined)) if key]
        assert keys == list(range(0, chunked.plan.frames_of(one, whole.plan.chunks[0]), interval))
        step = RATES[rate] * one.frame_step
        shown = numbers(joined)
        assert shown == [number * step % STEPS for number in range(len(shown))]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("open-groups.mp4", ("-x264-params", "open-gop=1:keyint=60:bframes=3")),
        ("ten-bits.mkv", ("-pix_fmt", "yuv420p10le")),
        ("intra.mov", ("-c:v", "prores_ks")),
        (
            "hevc.mp4",
            (
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=error:keyint=70",
                "-preset",
                "ultrafast",
            ),
        ),
        ("refresh.mp4", ("-x264-params", "intra-refresh=1:keyint=50")),
        ("stream.ts", ()),
    ],
)
async def test_frames_at_the_joints_are_the_source_s_own(
    name: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    film = source("25", name, *options)

    encoded = await encode(film, tmp_path, replace(SHORT, chunk_seconds=2))

    assert numbers(encoded.joined(encoded.best)) == [number % STEPS for number in range(175)]


async def test_a_varied_rate_and_a_turned_picture_come_out_on_the_grid(tmp_path: Path) -> None:
    film = source("30", "steady.mp4")
    ffmpeg("-display_rotation", "90", "-i", str(film), "-c", "copy", "turned.mp4")
    ffmpeg("-i", str(film), "-vf", "select='lt(mod(n,5),3)'", "-fps_mode", "vfr", "varied.mp4")

    turned = await encode(FOLDER / "turned.mp4", tmp_path / "turned", ALL)
    varied = await encode(FOLDER / "varied.mp4", tmp_path / "varied", ALL)

    assert turned.times() == turned.grid()
    assert numbers(turned.joined(turned.best)) == [number % STEPS for number in range(210)]
    assert varied.times() == varied.grid()
    # A frame that is left out is replaced by the one before it.
    kept = [number for number in range(210) if number % 5 < 3]
    wanted = [max(k for k in kept if k <= number) % STEPS for number in range(len(varied.grid()))]
    assert numbers(varied.joined(varied.best)) == wanted


async def test_half_the_rate_shows_every_second_frame(tmp_path: Path) -> None:
    film = source("50", "fifty.mp4")
    media = await inspect(film, InspectionLimits())
    planned = plan(media, ALL, short=False)
    halved = replace(planned, video=tuple(replace(one, frame_step=2) for one in planned.video))

    await carry_out(halved, film, tmp_path)

    made = Encoded(tmp_path, media, halved)
    for one in halved.video:
        assert made.times(one.name) == made.grid(2)
        shown = numbers(made.joined(one.name))
        assert shown == [number * 2 % STEPS for number in range(175)]


async def test_segments_are_fragments_of_whole_groups_of_pictures(tmp_path: Path) -> None:
    encoded = await encode(source("25", "groups.mp4"), tmp_path, replace(ALL, segment_seconds=4))

    for one in encoded.plan.video:
        kinds = [boxes(path) for path in encoded.segments(one.name)]
        assert kinds == [["styp", *("moof", "mdat") * 2], ["styp", *("moof", "mdat") * 2]]
        sequence = [n for path in encoded.segments(one.name) for n in sequence_numbers(path)]
        # Twice each: once for all of the group, once for its key frame alone.
        assert sequence == [1, 1, 2, 2, 3, 3, 4, 4]


async def test_transport_streams_run_on(tmp_path: Path) -> None:
    film = source("25", "for-streams.mp4")
    ffmpeg(
        "-i",
        str(film),
        "-f",
        "lavfi",
        "-i",
        "sine=440:d=7",
        "-c:v",
        "copy",
        "-c:a",
        "aac",
        "heard.mp4",
    )

    encoded = await encode(FOLDER / "heard.mp4", tmp_path, TRANSPORT)

    for one in encoded.plan.video:
        name = f"ts-{one.name}"
        assert [path.name for path in encoded.segments(name)] == [f"{n:05d}.ts" for n in range(4)]
        joined = encoded.joined(name)
        shown = [number_of(frame.brightness) for frame in frames(joined)]
        assert shown == [number % STEPS for number in range(175)]
        assert [frame.time - 10 for frame in frames(joined)] == encoded.grid()
    twin, sound = (encoded.samples(name) for name in ("ts-aac-128k", "aac-128k"))
    # Streams have no edit list to hide what the encoder puts ahead; it is before the picture.
    assert twin.start - 10 == pytest.approx(sound.start - 1024 / 48_000, abs=0.001)
    assert twin.end - 10 == pytest.approx(sound.end, abs=0.001)
    assert len(encoded.segments("ts-aac-128k")) == len(encoded.segments("aac-128k"))
    for name in (f"ts-{encoded.best}", "ts-aac-128k"):
        assert complaints(encoded.joined(name)) == ""
        for path in encoded.segments(name):
            # Tables of programs and of the streams of one, in front.
            identifiers = [
                int.from_bytes(path.read_bytes()[at + 1 : at + 3]) & 0x1FFF for at in (188, 376)
            ]
            assert identifiers == [0, 4096]


def boxes(path: Path) -> list[str]:
    data = path.read_bytes()
    kinds, place = [], 0
    while place < len(data):
        kinds.append(data[place + 4 : place + 8].decode())
        place += int.from_bytes(data[place : place + 4])
    return kinds


def sequence_numbers(path: Path) -> list[int]:
    """Of all ``mfhd`` boxes."""
    parts = path.read_bytes().split(b"mfhd")[1:]
    return [int.from_bytes(part[4:8]) for part in parts]


def complaints(path: Path) -> str:
    """What Debian's ffmpeg says while it decodes everything in `path`."""
    return subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"],
        check=False,
        capture_output=True,
        text=True,
    ).stderr
