"""Poster, animated preview and storyboard: the pictures that stand for a video.

They show what SDR renditions show. JPEG is BT.601 in full range (ITU-T T.871 §7) and WebP BT.601 in
limited range (RFC 6386 §9.2): neither file can say anything else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from common.hls import VideoRange
from ingest.package.layout import POSTER_NAME, PREVIEW_NAME, STORYBOARD_NAME, STORYBOARD_PATTERN
from ingest.package.storyboard import sheet_count, sheet_name, storyboard_vtt
from ingest.plan.model import Chunk, EncodingPlan, VideoRendition
from ingest.transcode.command import Command
from ingest.transcode.errors import EncodeFailed
from ingest.transcode.inputs import Options, arguments, frames, opened, seconds, steady
from ingest.transcode.picture import rendered, stem
from ingest.transcode.settings import TranscodeSettings

PREVIEW_RATE: Final = 10
"""Frames per second."""

LONG_MARGIN: Final = 20.0
"""Seconds ahead of a picture from which a source without an index is read: a seek may end behind a
key frame, and the next one may be far."""

DECODED_WHOLE: Final = 10.0
"""Seconds up to which every frame is looked at for the storyboard."""
DECODED_ROUGHLY: Final = 30.0
"""Seconds up to which frames are that others refer to, without the filter that smooths their
blocks, which takes half of the time. Key frames of so short a video may be two or three; of longer
ones they are enough, and one for each tile is decoded: of a film that is a hundredth of the work.
"""

POSTER_DONE: Final = 0.2
PREVIEW_DONE: Final = 0.7
"""The shares of the task that are done with the poster and with the preview."""

Run = Callable[[Command], Awaitable[None]]


async def make_pictures(
    run: Run, plan: EncodingPlan, source: Path, folder: Path, settings: TranscodeSettings
) -> tuple[str, ...]:
    """Makes all pictures of ``plan`` in ``folder``; the names of the files.

    Raises:
        EncodeFailed: the source cannot be decoded; and whatever else ``run`` raises.
    """
    for make, until in ((poster, POSTER_DONE), (preview, PREVIEW_DONE)):
        try:
            await run(replace(make(plan, source, folder, settings, seek=True), until=until))
        except EncodeFailed:
            # A seek may end where nothing can be decoded before the picture; reading never does.
            await run(replace(make(plan, source, folder, settings, seek=False), until=until))
    await run(storyboard(plan, source, folder, settings))
    text = storyboard_vtt(plan.pictures, plan.duration)
    await asyncio.to_thread((folder / STORYBOARD_NAME).write_text, text)
    return (POSTER_NAME, PREVIEW_NAME, *_sheets(plan), STORYBOARD_NAME)


def poster(
    plan: EncodingPlan, source: Path, folder: Path, settings: TranscodeSettings, *, seek: bool
) -> Command:
    """One picture as JPEG."""
    pictures = plan.pictures
    picture = _span(plan, pictures.poster_time, 0.0, source, settings, seek=seek)
    output = _jpeg(plan, picture, pictures.width, pictures.height).output(
        POSTER_NAME,
        f="image2",
        # One file, not a numbered series.
        update=1,
        **{"frames:v": 1, "c:v": "mjpeg", "q:v": 4},
    )
    return _command(folder, source, output, (POSTER_NAME,), frame_count=1)


def preview(
    plan: EncodingPlan, source: Path, folder: Path, settings: TranscodeSettings, *, seek: bool
) -> Command:
    """A few moving seconds as WebP, over and over."""
    pictures = plan.pictures
    size = pictures.preview_width, pictures.preview_height
    span = pictures.preview_start, pictures.preview_seconds
    picture = _span(plan, *span, source, settings, seek=seek)
    picture = (
        picture.filter("setpts", "PTS-STARTPTS")
        # A frame that is shown for less than half of one here is one all the same.
        .filter("fps", PREVIEW_RATE, eof_action="pass")
    )
    picture = _sdr(plan, picture, *size).filter("scale", **_matrices("tv"))
    output = picture.filter("format", "yuv420p").output(
        PREVIEW_NAME,
        f="webp",
        loop=0,
        # Smaller files for more time; more than 4 is slow and hardly smaller.
        compression_level=4,
        **{"c:v": "libwebp_anim", "q:v": 50},
    )
    count = max(1, round(pictures.preview_seconds * PREVIEW_RATE))
    return _command(folder, source, output, (PREVIEW_NAME,), frame_count=count)


def storyboard(
    plan: EncodingPlan, source: Path, folder: Path, settings: TranscodeSettings
) -> Command:
    """Sheets of small pictures at even times, each the nearest that can be had."""
    pictures = plan.pictures
    step = Fraction(pictures.tile_seconds).limit_denominator(1000)
    options = _looked_at(plan, step)
    picture = steady(plan, opened(plan, source, settings, **options)[str(plan.source.video_index)])
    if plan.source.interlaced:
        # One of two fields: frames that are seconds apart tell nothing of each other's fields.
        picture = picture.filter("field", "top").filter("setparams", field_mode="prog")
    origin = seconds(plan.source.origin)
    picture = (
        # From the middle between the frame before and itself on, a frame is the nearest there is.
        picture.filter("setpts", f"(if(isnan(PREV_INPTS),PTS,PREV_INPTS)+PTS)/2-{origin}/TB")
        .filter("fps", f"{step.denominator}/{step.numerator}", start_time=0, round="up")
        .filter("tpad", stop=-1, stop_mode="clone")
        .filter("trim", end_frame=pictures.tile_count)
    )
    output = (
        _jpeg(plan, picture, pictures.tile_width, pictures.tile_height)
        .filter("tile", f"{pictures.columns}x{pictures.rows}")
        .output(
            STORYBOARD_PATTERN,
            f="image2",
            start_number=0,
            fps_mode="passthrough",
            **{"c:v": "mjpeg", "q:v": 5},
        )
    )
    return _command(folder, source, output, _sheets(plan), frame_count=sheet_count(pictures))


def _sheets(plan: EncodingPlan) -> tuple[str, ...]:
    return tuple(sheet_name(number) for number in range(sheet_count(plan.pictures)))


def _span(
    plan: EncodingPlan,
    start: float,
    length: float,
    source: Path,
    settings: TranscodeSettings,
    *,
    seek: bool,
) -> Any:
    """The frames of the plan's grid in ``length`` seconds from ``start``, one at least."""
    rate = plan.frame_rate.fraction
    first = min(int(start * rate), plan.frame_count - 1)
    count = min(max(1, round(length * rate)), plan.frame_count - first)
    chunk = Chunk(int(seek and first > 0), first, count, 0, 1)
    margin = plan.source.seek_margin if plan.source.seekable else LONG_MARGIN
    return frames(plan, chunk, source, settings, margin)


def _looked_at(plan: EncodingPlan, step: Fraction) -> Options:
    """Options that leave away what is not worth its time for tiles each ``step`` of seconds."""
    if plan.duration <= DECODED_WHOLE:
        return {}
    if plan.duration <= DECODED_ROUGHLY:
        return {"skip_frame": "noref", "skip_loop_filter": "all"}
    return _key_frames(plan, step)


def _key_frames(plan: EncodingPlan, step: Fraction) -> Options:
    """Options that let one key frame for each ``step`` of seconds through to the decoder.

    What is not wanted is not even read where the container has an index. A key frame is let through
    when none has been since the middle between the two tiles before it; as the next one is not
    known yet, it is taken to be as far as the last.
    """
    time = f"if(eq(pts,nopts),dts,pts)*tb-{seconds(plan.source.origin)}"
    tile = f"floor((ld(1)+(ld(1)-ld(2))/2)/{seconds(step)})+1"
    wanted = "gt(ld(3),ld(0))+not(ld(4))"
    keep = f"st(1,{time});st(3,{tile});st(2,ld(1));if({wanted},st(0,ld(3))*0*st(4,1),1)"
    drop = f"if(key,{keep},1)"
    return {
        "discard": "nokey",
        "skip_frame": "nokey",
        f"bsf:{plan.source.video_index}": f"noise=drop='{drop}'",
    }


def _sdr(plan: EncodingPlan, picture: Any, width: int, height: int) -> Any:
    """Frames as an SDR rendition of that size shows them."""
    # Small before colours are converted: every pixel of that costs.
    picture = stem(picture.filter("scale", width, height), plan, VideoRange.SDR, width, height)
    return rendered(picture, plan, VideoRendition("", width, height, 0, 0))


def _jpeg(plan: EncodingPlan, picture: Any, width: int, height: int) -> Any:
    picture = _sdr(plan, picture, width, height)
    return picture.filter("scale", **_matrices("pc")).filter("format", "yuvj420p")


def _matrices(out_range: str) -> Options:
    return {
        "in_color_matrix": "bt709",
        "out_color_matrix": "bt601",
        "in_range": "tv",
        "out_range": out_range,
    }


def _command(
    folder: Path, source: Path, output: Any, names: tuple[str, ...], *, frame_count: int
) -> Command:
    return Command(
        arguments=arguments(output),
        folder=folder,
        subfolders=(),
        seconds=0.0,
        reads=(source,),
        makes=names,
        frames=frame_count,
    )
