"""When pictures and sound begin and end in uploads of every container, through the real encoder."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from ingest.plan import PlanSettings, VideoCodec
from tests.integration.encoding import SHORT, Encoded, encode
from tests.integration.scenes import FLASH, scene
from tests.unit.ingest.clips import FOLDER, ffmpeg

LONG = PlanSettings(
    segment_seconds=30,
    chunk_seconds=900,
    first_seconds=None,
    audio_bitrates=(64_000,),
    loudness=None,
)

BRIGHT = 200
"""Mean of all pixels; only the flash has it."""


def flashes(encoded: Encoded) -> tuple[float, float]:
    """When the flash begins and ends, in seconds."""
    frames = [frame for frame in encoded.frames() if frame.brightness > BRIGHT]
    step = 1 / encoded.plan.frame_rate.fraction
    return float(frames[0].time), float(frames[-1].time + step)


def remuxed(source: Path, name: str, *options: str, before: tuple[str, ...] = ()) -> Path:
    ffmpeg(*before, "-i", str(source), *("-map", "0", "-c", "copy"), *options, name)
    return FOLDER / name


def copied(name: str, *options: str, before: tuple[str, ...] = ()) -> Path:
    """A clip with B-frames, its packets copied into the file called ``name``."""
    clip = scene(f"for-{name}.mkv", "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac")
    return remuxed(clip, name, *options, before=before)


def cut_by_an_edit_list() -> Path:
    clip = scene(
        "long.mp4",
        *("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac"),
        filters="tpad=start_duration=0.7:color=black",
        seconds=3,
        sound="mono",
    )
    # The sound of the flash comes 0.7 s later too.
    ffmpeg(
        "-i",
        str(clip),
        "-i",
        str(clip),
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c:v",
        "copy",
        "-af",
        "adelay=700:all=1",
        "-c:a",
        "aac",
        "later.mp4",
    )
    ffmpeg("-ss", "0.7", "-i", "later.mp4", "-c", "copy", "edited.mp4")
    return FOLDER / "edited.mp4"


CONTAINERS: dict[str, Callable[[], Path]] = {
    "MP4": lambda: copied("plain.mp4"),
    "fragmented MP4": lambda: copied("pieces.mp4", "-movflags", "frag_keyframe+empty_moov"),
    "MOV": lambda: scene("film.mov", "-c:a", "pcm_s16le"),
    "Matroska": lambda: copied("film.mkv"),
    "WebM": lambda: scene(
        "film.webm",
        "-c:v",
        "libvpx-vp9",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-c:a",
        "libopus",
    ),
    "MPEG-TS": lambda: copied("film.ts"),
    "AVI": lambda: scene("film.avi", "-c:v", "mpeg4", "-q:v", "3", "-c:a", "libmp3lame"),
    "FLV": lambda: scene(
        "film.flv", "-c:v", "flv", "-q:v", "3", "-ar", "44100", "-c:a", "libmp3lame"
    ),
    "FLV with H.264": lambda: copied("film-h264.flv"),
    "a start that is not 0": lambda: copied("started.mkv", "-output_ts_offset", "7.25"),
    "a broadcast's clock": lambda: copied("clock.ts", "-output_ts_offset", "1234.5"),
    "an edit list": cut_by_an_edit_list,
    "open groups of pictures": lambda: scene(
        "open.mp4", "-c:v", "libx264", "-x264-params", "open-gop=1:keyint=25:bframes=3"
    ),
    "a variable frame rate": lambda: scene(
        "varied.mkv",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-fps_mode",
        "vfr",
        rate="50",
        filters="select='lt(mod(n,3),2)'",
    ),
    "120 frames per second": lambda: scene("fast.mp4", rate="120"),
    "23.976 frames per second": lambda: scene("film-rate.mp4", rate="24000/1001"),
    "12.5 frames per second": lambda: scene("slow.mp4", rate="25/2"),
}


@pytest.mark.parametrize("kind", CONTAINERS)
async def test_what_was_seen_and_heard_together_stays_so(kind: str, tmp_path: Path) -> None:
    source = CONTAINERS[kind]()

    encoded = await encode(source, tmp_path)

    assert encoded.times() == encoded.grid()
    assert encoded.plan.duration == pytest.approx(3, abs=0.1)
    frame = float(1 / encoded.plan.frame_rate.fraction)
    seen = flashes(encoded)
    [heard] = encoded.samples().loud()
    assert seen == pytest.approx(FLASH, abs=1.1 * frame)
    assert heard[0] == pytest.approx(seen[0], abs=max(0.03, frame))
    assert heard[1] == pytest.approx(seen[1], abs=max(0.04, frame))


def with_sound(
    name: str, *, offset: float = 0, start: float = 0, length: float | None = None
) -> Path:
    """A clip of 3 s, whose sound is taken from ``start`` on and laid ``offset`` later."""
    clip = scene(f"for-{name}", "-c:a", "pcm_s16le")
    end = ("-t", str(length)) if length else ()
    ffmpeg(
        *("-i", str(clip), "-itsoffset", str(offset), "-ss", str(start), *end, "-i", str(clip)),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", name),
    )
    return FOLDER / name


async def test_sound_that_starts_late_stays_late(tmp_path: Path) -> None:
    encoded = await encode(with_sound("late.mkv", offset=0.5), tmp_path)

    [(start, _)] = encoded.samples().loud()
    assert start == pytest.approx(FLASH[0] + 0.5, abs=0.03)
    assert encoded.samples().end == pytest.approx(encoded.plan.duration, abs=0.05)


async def test_sound_that_starts_early_is_heard_over_the_first_picture(tmp_path: Path) -> None:
    clip = scene("for-early.mkv", "-c:a", "pcm_s16le")
    ffmpeg(
        *("-itsoffset", "0.6", "-i", str(clip), "-i", str(clip)),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", "early.mkv"),
    )

    encoded = await encode(FOLDER / "early.mkv", tmp_path)

    assert encoded.times() == encoded.grid()
    assert flashes(encoded)[0] == pytest.approx(FLASH[0] + 0.6, abs=0.05)
    assert encoded.samples().loud()[0][0] == pytest.approx(FLASH[0], abs=0.05)


@pytest.mark.parametrize("length", [1.5, 5.0])
async def test_sound_lasts_as_long_as_the_picture(length: float, tmp_path: Path) -> None:
    clip = scene(f"for-{length}.mkv", "-c:a", "pcm_s16le")
    pad = f"apad=whole_dur={length},atrim=end={length}"
    ffmpeg("-i", str(clip), "-c:v", "copy", "-af", pad, "-c:a", "pcm_s16le", f"sound-{length}.mkv")

    encoded = await encode(FOLDER / f"sound-{length}.mkv", tmp_path)

    assert encoded.plan.frame_count == 75
    assert encoded.samples().end == pytest.approx(3, abs=0.05)
    assert encoded.samples().loud()[0][0] == pytest.approx(FLASH[0], abs=0.03)


@pytest.mark.parametrize(("frames", "rate"), [(1, "25"), (9, "30")])
async def test_a_moment_is_enough(frames: int, rate: str, tmp_path: Path) -> None:
    source = scene(f"moment-{frames}.mp4", *("-frames:v", str(frames)), rate=rate, sound=None)

    encoded = await encode(source, tmp_path, replace(SHORT, codecs=tuple(VideoCodec)))

    assert {one.codec for one in encoded.plan.video} == set(VideoCodec)
    for one in encoded.plan.video:
        assert encoded.times(one.name) == [number / Fraction(rate) for number in range(frames)]


async def test_two_hours_are_cut_into_chunks_and_come_out_whole(tmp_path: Path) -> None:
    # Without sound: two hours of that take a minute to encode.
    source = scene("two-hours.mkv", "-g", "600", size="16x16", rate="1", seconds=7200, sound=None)

    encoded = await encode(source, tmp_path, LONG)

    assert len(encoded.plan.chunks) == 8
    assert encoded.times() == encoded.grid()
