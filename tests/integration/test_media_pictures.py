"""Poster, preview and storyboard out of the real ffmpeg: each shows the picture of its time."""

import functools
import itertools
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from ingest.inspect import InspectionLimits, MediaLimits
from ingest.inspect.probe import inspect
from ingest.plan import EncodingPlan, PlanSettings, plan
from ingest.transcode.command import Command
from ingest.transcode.pictures import make_pictures
from ingest.transcode.runner import run
from ingest.transcode.settings import TranscodeSettings
from tests.unit.ingest.clips import FOLDER, ffmpeg

SETTINGS = TranscodeSettings(threads=1)
LIMITS = MediaLimits(min_seconds=0, max_seconds=8000)

MP4 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10")
"""Whose key frames are where ``-g`` says, and nowhere else."""
REGULAR = ("-sc_threshold", "0", "-g")


OPEN = "open-gop=1:keyint=50:min-keyint=50:scenecut=0:crf=10:log-level=none"
"""Frames that are shown before a key frame need those ahead of it."""


@dataclass(frozen=True)
class Made:
    """The pictures of one source."""

    plan: EncodingPlan
    folder: Path
    names: tuple[str, ...]
    commands: list[Command]

    def jpeg(self, name: str) -> VideoFrame:
        with av.open(str(self.folder / name)) as container:
            return next(container.decode(video=0))

    def tiles(self) -> list[list[list[int]]]:
        """The brightness of every pixel of every tile, in order."""
        pictures = self.plan.pictures
        found = []
        for name in self.names:
            if not re.fullmatch(r"storyboard-\d{3}\.jpg", name):
                continue
            sheet = luma(self.jpeg(name))
            assert len(sheet) == pictures.rows * pictures.tile_height
            assert len(sheet[0]) == pictures.columns * pictures.tile_width
            for row, column in itertools.product(range(pictures.rows), range(pictures.columns)):
                top, left = row * pictures.tile_height, column * pictures.tile_width
                lines = sheet[top : top + pictures.tile_height]
                found.append([line[left : left + pictures.tile_width] for line in lines])
        return found[: pictures.tile_count]


def luma(frame: VideoFrame) -> list[list[int]]:
    plane = frame.planes[0]
    data = bytes(plane)
    return [
        list(data[row * plane.line_size : row * plane.line_size + frame.width])
        for row in range(frame.height)
    ]


def mean(lines: list[list[int]]) -> float:
    return sum(map(sum, lines)) / (len(lines) * len(lines[0]))


async def make(source: Path, folder: Path) -> Made:
    media = await inspect(source, InspectionLimits(), LIMITS)
    planned = plan(media, PlanSettings(), short=False)
    commands: list[Command] = []

    async def carry_out(command: Command) -> None:
        commands.append(command)
        await run(command, stall_timeout=60, confinement=SETTINGS.confinement)

    folder.mkdir(exist_ok=True)
    names = await make_pictures(carry_out, planned, source, folder, SETTINGS)
    assert {path.name for path in folder.iterdir()} == set(names)
    return Made(planned, folder, names, commands)


@functools.cache
def brightening(name: str, *output: str, seconds: float = 40, rate: str = "25") -> Path:
    """A clip that goes from black to white, evenly, over its length."""
    picture = f"nullsrc=s=64x48:r={rate}:d={seconds},format=yuv420p"
    picture += f",geq=lum='16+219*T/{seconds}':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", picture, *output, name)
    return FOLDER / name


def time_of(lines: list[list[int]], seconds: float = 40) -> float:
    """When a tile of a brightening clip was taken."""
    return mean(lines) / 255 * seconds


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("even.mp4", (*MP4, *REGULAR, "50")),
        ("even.mkv", (*MP4, *REGULAR, "50", "-bf", "0")),
        ("even.ts", (*MP4, *REGULAR, "50")),
        ("late.ts", (*MP4, *REGULAR, "50", "-output_ts_offset", "100")),
        ("even.flv", (*MP4, *REGULAR, "50")),
        ("even.avi", ("-c:v", "mpeg4", "-q:v", "2", *REGULAR, "50", "-bf", "2")),
        ("even.webm", ("-c:v", "libvpx", "-b:v", "1M", "-g", "50", "-keyint_min", "50")),
        (
            "open.mp4",
            ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", OPEN),
        ),
        ("av1.mkv", ("-c:v", "libsvtav1", "-preset", "12", "-crf", "20", "-g", "50")),
        ("intra.mov", ("-c:v", "prores", "-profile:v", "0")),
    ],
)
async def test_each_tile_is_the_nearest_key_frame(
    name: str, output: tuple[str, ...], tmp_path: Path
) -> None:
    made = await make(brightening(name, *output), tmp_path / "pictures")
    times = [time_of(tile) for tile in made.tiles()]
    assert len(times) == 40
    # Key frames are two seconds apart; the rest is what the brightness of a JPEG tells.
    assert [(second, time) for second, time in enumerate(times) if abs(time - second) > 1.3] == []


async def test_where_key_frames_are_rare_a_tile_shows_the_nearest(tmp_path: Path) -> None:
    source = brightening("rare.mp4", *MP4, *REGULAR, "250")
    made = await make(source, tmp_path / "pictures")
    times = [time_of(tile) for tile in made.tiles()]
    assert [round(time / 10) for time in times] == [
        0 if second < 5 else 1 if second < 15 else 2 if second < 25 else 3 for second in range(40)
    ]


async def test_of_a_short_clip_every_frame_may_be_a_tile(tmp_path: Path) -> None:
    source = brightening("short.mp4", *MP4, *REGULAR, "250", seconds=8)
    made = await make(source, tmp_path / "pictures")
    times = [time_of(tile, 8) for tile in made.tiles()]
    assert [second for second, time in enumerate(times) if abs(time - second) > 0.1] == []


async def test_of_half_a_minute_tiles_are_near_their_times_however_rare_key_frames_are(
    tmp_path: Path,
) -> None:
    source = brightening("half-a-minute.mp4", *MP4, *REGULAR, "250", seconds=25)
    made = await make(source, tmp_path / "pictures")
    times = [time_of(tile, 25) for tile in made.tiles()]
    # As far as B-frames are from what they refer to, and what the brightness of a JPEG tells.
    assert [(second, time) for second, time in enumerate(times) if abs(time - second) > 0.4] == []


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("even.mp4", ()),
        ("even.ts", ()),
        ("late.ts", ("-output_ts_offset", "100")),
        ("late.mkv", ("-output_ts_offset", "100")),
    ],
)
async def test_poster_and_preview_are_taken_at_their_times(
    name: str, more: tuple[str, ...], tmp_path: Path
) -> None:
    made = await make(brightening(name, *MP4, *REGULAR, "50", *more), tmp_path / "pictures")
    taken = time_of(luma(made.jpeg("poster.jpg")))
    assert taken == pytest.approx(made.plan.pictures.poster_time, abs=0.3)
    # Nothing had to be tried again.
    assert [command.makes[0] for command in made.commands] == [
        "poster.jpg",
        "preview.webp",
        "storyboard-000.jpg",
    ]


@dataclass(frozen=True)
class Animation:
    """What an animated WebP says of itself (RFC 9649 §2.7)."""

    size: tuple[int, int]
    loops: int
    durations: list[int]


def read_webp(data: bytes) -> Animation:
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    size, loops, durations, place = (0, 0), -1, [], 12
    while place < len(data):
        kind, length = data[place : place + 4], *struct.unpack("<I", data[place + 4 : place + 8])
        body = data[place + 8 : place + 8 + length]
        if kind == b"VP8X":
            size = _uint24(body, 4) + 1, _uint24(body, 7) + 1
        elif kind == b"ANIM":
            [loops] = struct.unpack("<H", body[4:6])
        elif kind == b"ANMF":
            durations.append(_uint24(body, 12))
        place += 8 + length + length % 2
    return Animation(size, loops, durations)


def _uint24(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 3], "little")


async def test_the_preview_moves_for_three_seconds_over_and_over(tmp_path: Path) -> None:
    made = await make(brightening("even.mp4", *MP4, *REGULAR, "50"), tmp_path / "pictures")
    preview = read_webp((made.folder / "preview.webp").read_bytes())
    pictures = made.plan.pictures
    assert preview.size == (pictures.preview_width, pictures.preview_height)
    assert preview.loops == 0
    # Frames that hardly differ may be one.
    assert set(preview.durations) <= {100 * count for count in range(1, 31)}
    assert sum(preview.durations) == 3000


@pytest.mark.parametrize(("seconds", "frames"), [(0.04, 1), (0.3, 8)])
async def test_the_shortest_clips_have_all_pictures(
    seconds: float, frames: int, tmp_path: Path
) -> None:
    source = brightening(f"short-{frames}.mp4", *MP4, seconds=seconds)
    made = await make(source, tmp_path / "pictures")
    assert made.plan.frame_count == frames
    assert made.names == ("poster.jpg", "preview.webp", "storyboard-000.jpg", "storyboard.vtt")
    assert len(made.tiles()) == 1
    assert (made.folder / "preview.webp").read_bytes()[8:12] == b"WEBP"
    vtt = (made.folder / "storyboard.vtt").read_text()
    assert re.findall(r"--> (\S+)", vtt) == [f"00:00:00.{round(made.plan.duration * 1000):03d}"]


async def test_a_film_of_two_hours_takes_one_decoded_frame_for_each_tile(tmp_path: Path) -> None:
    source = brightening("film.mp4", *MP4, *REGULAR, "2", seconds=7200, rate="1")
    made = await make(source, tmp_path / "pictures")
    times = [time_of(tile, 7200) for tile in made.tiles()]
    step = made.plan.pictures.tile_seconds
    assert [n for n, time in enumerate(times) if abs(time - n * step) > 60] == []
    vtt = (made.folder / "storyboard.vtt").read_text()
    assert len(re.findall("-->", vtt)) == len(times)
    assert vtt.count("--> 02:00:00.000\n") == 1
    words = made.commands[-1].arguments
    assert words[words.index("-discard") + 1] == "nokey"


@pytest.mark.parametrize(
    ("name", "picture", "output", "brightness"),
    [
        ("white.mp4", "color=white:s=320x180:r=25:d=1", MP4, 255),
        ("black.mp4", "color=black:s=320x180:r=25:d=1", MP4, 0),
        (
            "full.mp4",
            "color=0x808080:s=320x180:r=25:d=1,scale=out_range=pc,format=yuvj420p",
            (*MP4, "-color_range", "pc"),
            128,
        ),
    ],
)
async def test_jpegs_use_the_full_range(
    name: str, picture: str, output: tuple[str, ...], brightness: int, tmp_path: Path
) -> None:
    ffmpeg("-f", "lavfi", "-i", picture, *output, name)
    made = await make(FOLDER / name, tmp_path / "pictures")
    for lines in (luma(made.jpeg("poster.jpg")), *made.tiles()):
        assert mean(lines) == pytest.approx(brightness, abs=3)


@pytest.mark.parametrize("size", ["1280x720", "320x180"])
async def test_colours_of_a_jpeg_are_those_of_the_video(size: str, tmp_path: Path) -> None:
    matrix = "bt709" if size == "1280x720" else "smpte170m"
    name = f"red-{size}.mp4"
    picture = f"color=red:s={size}:r=25:d=1,scale=out_color_matrix={matrix}"
    ffmpeg("-f", "lavfi", "-i", picture, *MP4, "-pix_fmt", "yuv420p", name)
    made = await make(FOLDER / name, tmp_path / "pictures")
    frame = made.jpeg("poster.jpg")
    # ITU-T T.871 §7: red is 76, 85, 255.
    assert tuple(bytes(plane)[0] for plane in frame.planes) == pytest.approx((76, 85, 255), abs=4)


async def test_a_turned_and_an_anamorphic_picture_are_shown_upright(tmp_path: Path) -> None:
    halves = "color=white:s=160x90:r=25:d=2,drawbox=x=0:y=0:w=80:h=90:color=black:t=fill"
    ffmpeg("-f", "lavfi", "-i", halves, *MP4, "-pix_fmt", "yuv420p", "flat.mp4")
    ffmpeg("-display_rotation", "90", "-i", "flat.mp4", "-c", "copy", "turned.mp4")
    turned = await make(FOLDER / "turned.mp4", tmp_path / "turned")
    poster = luma(turned.jpeg("poster.jpg"))
    assert (len(poster[0]), len(poster)) == (90, 160)
    top, bottom = mean(poster[:70]), mean(poster[90:])
    # Turned counter-clockwise, what was on the left is below.
    assert (top > 250, bottom < 5) == (True, True)

    ffmpeg("-f", "lavfi", "-i", "color=white:s=160x90:r=25:d=2,setsar=2", *MP4, "wide.mp4")
    wide = await make(FOLDER / "wide.mp4", tmp_path / "wide")
    frame = wide.jpeg("poster.jpg")
    # Twice as wide as it was stored, and nothing of it enlarged.
    assert (frame.width, frame.height) == (160, 44)


async def test_hdr_becomes_sdr(tmp_path: Path) -> None:
    # Reference white of 203 cd/m² is 58 % of PQ (ITU-R BT.2408 §2.1): 573 of 10 bits.
    tags = "range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    picture = (
        f"nullsrc=s=320x180:r=25:d=1,format=yuv420p10le,geq=lum=573:cb=512:cr=512,setparams={tags}"
    )
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-c:v", "libx265", "-preset", "ultrafast"),
        *(
            "-x265-params",
            "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
        ),
        *("-tag:v", "hvc1", "hdr.mp4"),
    )
    made = await make(FOLDER / "hdr.mp4", tmp_path / "pictures")
    for lines in (luma(made.jpeg("poster.jpg")), *made.tiles()):
        assert 160 < mean(lines) < 250


async def test_fields_are_not_seen_as_combs(tmp_path: Path) -> None:
    # A bar that moves twelve pixels from field to field.
    bar = (
        "color=black:s=320x240:r=50:d=12,format=yuv420p,geq=lum='if(lt(mod(X+12*N,160),80),235,16)'"
    )
    picture = f"{bar}:cb=128:cr=128,tinterlace=interleave_top,setfield=tff"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-c:v", "mpeg2video", "-q:v", "2", "-g", "25"),
        *("-flags", "+ildct+ilme", "fields.ts"),
    )
    made = await make(FOLDER / "fields.ts", tmp_path / "pictures")
    assert made.plan.source.interlaced
    with av.open(str(FOLDER / "fields.ts")) as container:
        assert combing(luma(next(container.decode(video=0)))) > 20
    for lines in (luma(made.jpeg("poster.jpg")), *made.tiles()):
        assert combing(lines) < 8


def combing(lines: list[list[int]]) -> float:
    """How much lines differ from their neighbours, in steps of brightness."""
    pairs = [(a, b) for x, y in itertools.pairwise(lines) for a, b in zip(x, y, strict=True)]
    return sum(abs(a - b) for a, b in pairs) / len(pairs)
