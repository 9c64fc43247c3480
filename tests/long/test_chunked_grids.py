"""Chunks find exactly the frames that one pass finds, whatever the source is like.

Each source is decoded onto the plan's grid once whole and once in chunks, and each frame of the one
is held against the same of the other. Their pictures are noise, so that no two are alike.
"""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import msgspec
import pytest

from ingest.inspect import InspectionLimits, MediaInfo
from ingest.inspect.probe import inspect
from ingest.plan import EncodingPlan, PlanSettings, plan, safe_to_chunk
from ingest.plan.chunks import cut
from ingest.transcode.inputs import arguments, frames
from ingest.transcode.settings import TranscodeSettings
from tests.unit.ingest.clips import FOLDER
from tests.unit.ingest.clips import ffmpeg as run

CHUNKS = 6
GROUPS = ("-c:v", "libx264", "-preset", "veryfast", "-g", "100")
OPEN = "open-gop=1:keyint=40:bframes=3"
HELD_BACK = "open-gop=1:keyint=17:bframes=16:b-adapt=0:b-pyramid=strict:scenecut=0"
VARIABLE = ("-fps_mode", "vfr", "-enc_time_base", "1/1000")
JITTER = "settb=1/1000,setpts='PTS+12*sin(N*1.7)'"
FIELDS = "interlace"
INTERLACED = ("-flags", "+ildct+ilme")


def noise(
    name: str,
    *options: str,
    filters: str = "null",
    rate: str = "30",
    seconds: int = 12,
    before: tuple[str, ...] = (),
) -> Path:
    """A file called `name` of `seconds` at `rate`, made with `filters` and the output `options`."""
    picture = f"testsrc2=size=96x64:rate={rate}:duration={seconds},noise=alls=20:allf=t,{filters}"
    run(*before, "-f", "lavfi", "-i", picture, *options, name)
    return FOLDER / name


def copied(source: Path, name: str, *options: str, before: tuple[str, ...] = ()) -> Path:
    """`source` again, in a file called `name`."""
    run(*before, "-i", source.name, *options, "-c", "copy", name)
    return FOLDER / name


def decoded(planned: EncodingPlan, source: Path) -> list[str]:
    """The digest of each frame that the chunks of `planned` find."""
    found: list[str] = []
    for chunk in planned.chunks:
        grid = frames(planned, chunk, source, TranscodeSettings())
        words = arguments(grid.output("frames.md5", format="framemd5", fps_mode="passthrough"))
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), *words], check=True, cwd=FOLDER, capture_output=True
        )
        lines = (FOLDER / "frames.md5").read_text().splitlines()
        found += [line.rpartition(",")[2].strip() for line in lines if not line.startswith("#")]
    return found


def in_chunks(planned: EncodingPlan, count: int) -> EncodingPlan:
    chunks = cut(
        planned.frame_count,
        segment_frames=planned.segment_frames,
        count=count,
        keyframe_interval=planned.keyframe_interval,
    )
    assert (len(chunks) > 1) == (count > 1)
    return msgspec.structs.replace(planned, chunks=chunks)


async def require_alike(source: Path) -> MediaInfo:
    media = await inspect(source, InspectionLimits())
    assert safe_to_chunk(media)
    planned = plan(media, PlanSettings(segment_seconds=2), short=False)

    whole = decoded(in_chunks(planned, 1), source)

    assert len(whole) == planned.frame_count
    assert decoded(in_chunks(planned, CHUNKS), source) == whole
    return media


@pytest.mark.parametrize("turn", ["90", "180", "270"])
async def test_turned_video(turn: str) -> None:
    source = noise("straight.mp4", *GROUPS)

    media = await require_alike(
        copied(source, f"turned-{turn}.mp4", before=("-display_rotation", turn))
    )

    assert media.video.rotation == int(turn)


@pytest.mark.parametrize("name", ["jitter.mp4", "jitter.mkv"])
async def test_a_variable_rate(name: str) -> None:
    media = await require_alike(noise(name, *GROUPS, *VARIABLE, filters=JITTER))

    assert not media.video.constant_frame_rate


async def test_a_phone_s_video_turned_and_of_variable_rate() -> None:
    source = noise("unturned.mp4", *GROUPS, *VARIABLE, filters=JITTER)

    await require_alike(copied(source, "phone.mp4", before=("-display_rotation", "270")))


@pytest.mark.parametrize("shown", ["lt(mod(n,17),9)", "lt(mod(n,100),12)", "lt(n,5)+gt(n,355)"])
@pytest.mark.parametrize("kind", ["mp4", "mkv"])
async def test_frames_that_are_held_for_longer_than_a_chunk(kind: str, shown: str) -> None:
    source = noise(f"held.{kind}", *GROUPS, *VARIABLE, filters=f"select='{shown}',{JITTER}")

    await require_alike(source)


@pytest.mark.parametrize("offset", ["0.3", "1.4", "7"])
@pytest.mark.parametrize("kind", ["mp4", "mkv"])
async def test_a_start_that_is_not_zero(kind: str, offset: str) -> None:
    source = noise("zero.mp4", *GROUPS, *VARIABLE, filters=JITTER)

    media = await require_alike(copied(source, f"later.{kind}", "-output_ts_offset", offset))

    assert media.video.first_timestamp == pytest.approx(float(offset), abs=0.05)


async def test_sound_that_leads_by_more_than_a_chunk() -> None:
    source = noise("follows.mp4", *GROUPS)
    tone = ("-f", "lavfi", "-i", "sine=duration=14", "-itsoffset", "2.5")

    media = await require_alike(
        copied(source, "leads.mp4", "-map", "1:v", "-map", "0:a", "-strict", "-2", before=tone)
    )

    assert media.video.first_timestamp == pytest.approx(2.5, abs=0.05)


async def test_an_edit_list() -> None:
    source = noise("unedited.mp4", *GROUPS, *VARIABLE, filters=JITTER, seconds=14)

    await require_alike(copied(source, "edited.mp4", before=("-ss", "1.3")))


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
@pytest.mark.parametrize(
    "options",
    [
        ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", OPEN),
        ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", f"{OPEN}:log-level=none"),
        ("-c:v", "mpeg2video", "-bf", "2", "-g", "40"),
    ],
)
async def test_open_groups(kind: str, options: tuple[str, ...]) -> None:
    await require_alike(noise(f"open.{kind}", *options))


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
@pytest.mark.parametrize("rate", ["2", "5", "10"])
async def test_key_frames_that_are_held_back_for_seconds(kind: str, rate: str) -> None:
    options = ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", HELD_BACK)

    await require_alike(noise(f"back.{kind}", *options, rate=rate, seconds=40))


@pytest.mark.parametrize("name", ["fields.mp4", "fields.mkv"])
async def test_fields(name: str) -> None:
    media = await require_alike(noise(name, *GROUPS, *INTERLACED, filters=FIELDS, rate="50"))

    assert media.video.interlaced


async def test_fields_of_a_disc() -> None:
    options = ("-c:v", "mpeg2video", "-bf", "2", "-g", "15", *INTERLACED)

    await require_alike(noise("disc.mkv", *options, filters=FIELDS, rate="50"))


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "50", "120"])
async def test_other_rates(rate: str) -> None:
    await require_alike(noise("rate.mp4", *GROUPS, rate=rate))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fragments.mp4", ("-movflags", "+frag_keyframe+empty_moov")),
        ("unlisted.mp4", ("-use_editlist", "0")),
        ("negative.mp4", ("-movflags", "+negative_cts_offsets")),
        ("no-cues.mkv", ("-live", "1")),
    ],
)
async def test_files_with_other_indexes(name: str, options: tuple[str, ...]) -> None:
    await require_alike(noise(name, *GROUPS, *VARIABLE, *options, filters=JITTER))


async def test_what_a_browser_recorded() -> None:
    options = ("-c:v", "libvpx", "-cpu-used", "8", "-deadline", "realtime", "-live", "1")
    held = f"select='lt(mod(n,170),9)',{JITTER}"

    await require_alike(noise("browser.webm", *options, *VARIABLE, "-g", "1000", filters=held))


async def test_a_file_that_begins_between_key_frames_is_not_chunked() -> None:
    source = noise("between.mp4", *GROUPS, "-bf", "0")
    cut_off = ("-output_ts_offset", "-0.2", "-avoid_negative_ts", "disabled")

    media = await inspect(copied(source, "between.mkv", *cut_off), InspectionLimits())

    assert not media.seekable
    assert not safe_to_chunk(media)
