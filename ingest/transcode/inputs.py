"""What ffmpeg is told of a source: how it is opened, and how its frames come onto the plan's grid.

A chunk's frames are cut on the grid, counted in frames, so that all chunks follow each other as if
one encoder had made them.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg

from ingest.plan.model import Chunk, EncodingPlan
from ingest.transcode.settings import TranscodeSettings

LAST_FRAMES: Final = 1
"""Seconds by which the last frame may be held, where a source's own durations are a bit short."""
LAST_SLOW_FRAMES: Final = 10
"""The same where frames are shown for a second and more."""

MOST_UNDECODABLE: Final = 0.1
"""Share of what is given to a decoder that it may give nothing for. A recording with a damaged
frame is one; what goes on without a tenth of its frames must not pass as whole."""

SCALABLE: Final = {
    "colorspace": frozenset({0, 1, 2, 4, 5, 6, 7, 9}),
    "color_primaries": frozenset({*range(1, 13), 22}) - {3},
    "color_trc": frozenset(range(1, 19)) - {3, 10},
}
"""Code points of ITU-T H.273 that ffmpeg's scaler takes on frames, by the filter's names."""

Options = dict[str, Any]
"""Options of ffmpeg by their names, without the dash."""


def opened(
    plan: EncodingPlan,
    source: Path,
    settings: TranscodeSettings,
    seek: float = 0.0,
    **more: str,
) -> Any:
    """The source as an input, read from the key frame before ``seek`` seconds on the file's clock.

    ``more`` are other options of the input.
    """
    options: Options = {
        # The upload was inspected as this; let no second guess open it as something else.
        "f": plan.source.container.partition(",")[0],
        # An upload must not make the encoder read another file's protocol or the network.
        "protocol_whitelist": "file",
        # Nor may what is embedded be opened as a playlist, or by a decoder that was not inspected.
        "format_whitelist": plan.source.container,
        "threads": settings.threads,
        # Filters that began anew where pictures change their size would count from 0 again.
        "reinit_filter:v": 0,
    }
    if plan.source.decoders:
        options["codec_whitelist"] = ",".join(plan.source.decoders)
    if plan.source.most_pixels:
        options["max_pixels"] = plan.source.most_pixels
    if seek > 0:
        options["ss"] = seconds(seek)
        # On the file's clock, not counted from its start.
        options["seek_timestamp"] = 1
        # What is decoded from the key frame on is not dropped: it may be shown until long after.
        options["noaccurate_seek"] = None
    return ffmpeg.input(f"file:{source.absolute()}", **options, **more)


def frames(
    plan: EncodingPlan,
    chunk: Chunk,
    source: Path,
    settings: TranscodeSettings,
    margin: float | None = None,
) -> Any:
    """The chunk's frames, exactly, with times counted in frames from the start of the video.

    Those before the first chunk's are decoded, of others ``margin`` seconds, or else the plan's.
    """
    rate = plan.frame_rate.fraction
    start = float(chunk.first_frame / rate)
    seek = plan.source.origin + start - (plan.source.seek_margin if margin is None else margin)
    picture = opened(plan, source, settings, seek if chunk.index else 0.0)[
        str(plan.source.video_index)
    ]
    picture = steady(plan, picture)
    if plan.source.origin:
        picture = picture.filter("setpts", f"PTS-{seconds(plan.source.origin)}/TB")
    if plan.source.interlaced:
        # A frame for each field; the grid takes as many of them as it has room for.
        picture = picture.filter("bwdif", mode="send_field", deint="interlaced")
    # The frame shown at the start is held from there, whenever it or, where the sound leads, the
    # first one comes.
    picture = picture.filter(
        "fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=seconds(start)
    )
    end = chunk.first_frame + chunk.frame_count
    if end == plan.frame_count:
        held = LAST_FRAMES if rate > 1 else LAST_SLOW_FRAMES
        picture = picture.filter("tpad", stop_mode="clone", stop_duration=held)
    return picture.filter("trim", start_pts=chunk.first_frame, end_pts=end)


def steady(plan: EncodingPlan, picture: Any) -> Any:
    """``picture`` in the size that its first frame has, whatever others have.

    Of colours that the scaler refuses, frames say nothing from here on; the plan knows them.
    """
    source = plan.source
    told = {
        "colorspace": source.color_matrix,
        "color_primaries": source.color_primaries,
        "color_trc": source.color_transfer,
    }
    refused = {name: "bt709" for name, code in told.items() if code not in SCALABLE[name]}
    if refused:
        picture = picture.filter("setparams", **refused)
    if not source.width:
        return picture
    return picture.filter("scale", source.width, source.height, interl=-1)


def arguments(*outputs: Any) -> tuple[str, ...]:
    """The words of a call of ffmpeg that writes ``outputs``, without the program's name."""
    stream = ffmpeg.merge_outputs(*outputs).global_args(
        "-nostdin",
        "-hide_banner",
        "-y",
        *("-loglevel", "error"),
        *("-progress", "pipe:1"),
        "-nostats",
        # Times stay those of the source, so that every chunk counts on the same clock.
        "-copyts",
        *("-max_error_rate", str(MOST_UNDECODABLE)),
    )
    return tuple(stream.compile()[1:])


def seconds(value: float | Fraction) -> str:
    """``value`` as ffmpeg reads a time, to the microsecond."""
    return f"{float(value):.6f}"
