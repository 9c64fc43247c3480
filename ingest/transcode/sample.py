"""A clip to try the system with: moving picture, a running clock that all can read, and sound."""

from pathlib import Path
from typing import Final

import ffmpeg

from ingest.transcode.command import Command

WIDTH: Final = 1280
HEIGHT: Final = 720
FRAME_RATE: Final = 30
SAMPLE_RATE: Final = 48_000

CLOCK_WIDTH: Final = 104
CLOCK_HEIGHT: Final = 40
"""Pixels of the corner in which the test picture draws time and frame number by itself. Text of
one's own would need a font, and not every machine has one."""

CLOCK_SCALE: Final = 6


def sample(target: Path, *, seconds: int = 20) -> Command:
    """The command that writes the clip, H.264 and AAC in MP4, to ``target``."""
    picture = ffmpeg.input(
        f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE}:duration={seconds}", f="lavfi"
    ).filter_multi_output("split", 2)
    clock = (
        picture[1]
        .filter("crop", CLOCK_WIDTH, CLOCK_HEIGHT, 0, 0)
        .filter("scale", CLOCK_WIDTH * CLOCK_SCALE, CLOCK_HEIGHT * CLOCK_SCALE, flags="neighbor")
    )
    video = ffmpeg.overlay(
        picture[0], clock, x=f"(W-{CLOCK_WIDTH * CLOCK_SCALE})/2", y=f"H-{HEIGHT // 2}"
    )
    # A tone with a beep at every second of the clock, so that eye and ear can be compared.
    audio = ffmpeg.input(
        f"sine=frequency=220:beep_factor=4:sample_rate={SAMPLE_RATE}:duration={seconds}", f="lavfi"
    )
    stream = ffmpeg.output(
        video,
        audio,
        target.name,
        f="mp4",
        pix_fmt="yuv420p",
        # Made once and encoded again at once: small matters less than soon.
        preset="veryfast",
        crf=20,
        # Players may begin before the file's end has come.
        movflags="+faststart",
        **{"c:v": "libx264", "c:a": "aac", "b:a": 128_000},
    ).global_args(
        *("-nostdin", "-hide_banner", "-y", "-loglevel", "error"),
        *("-progress", "pipe:1", "-nostats"),
    )
    return Command(
        arguments=tuple(stream.compile()[1:]),
        folder=target.absolute().parent,
        subfolders=(),
        seconds=float(seconds),
        frames=seconds * FRAME_RATE,
    )
