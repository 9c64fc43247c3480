"""Where each picture of a storyboard lies in its sheets, told as WebVTT. Pure.

A cue's text is the address of its picture: a sheet and a rectangle of it (W3C Media Fragments URI
1.0 §4.2.2), as players show them above the seek bar.
"""

from typing import Final

from ingest.package.layout import STORYBOARD_PATTERN
from ingest.plan.model import Pictures
from ingest.subtitles.cues import time_text

HEADER: Final = "WEBVTT\n"


def sheet_name(number: int) -> str:
    """The name of sheet ``number`` of a storyboard, from 0."""
    return STORYBOARD_PATTERN % number


def sheet_count(pictures: Pictures) -> int:
    """How many sheets hold all pictures of the storyboard."""
    return -(-pictures.tile_count // (pictures.columns * pictures.rows))


def storyboard_vtt(pictures: Pictures, duration: float) -> str:
    """The WebVTT file that tells which picture stands for what time.

    ``duration`` is in seconds, and so where the last cue ends.
    """
    return HEADER + "".join(
        f"\n{_time(start)} --> {_time(end)}\n{_place(pictures, number)}\n"
        for number, (start, end) in enumerate(_spans(pictures, duration))
    )


def _time(seconds: float) -> str:
    return time_text(round(seconds * 1000))


def _spans(pictures: Pictures, duration: float) -> list[tuple[float, float]]:
    starts = [number * pictures.tile_seconds for number in range(pictures.tile_count)]
    return list(zip(starts, [*starts[1:], duration], strict=True))


def _place(pictures: Pictures, number: int) -> str:
    sheet, place = divmod(number, pictures.columns * pictures.rows)
    row, column = divmod(place, pictures.columns)
    width, height = pictures.tile_width, pictures.tile_height
    return f"{sheet_name(sheet)}#xywh={column * width},{row * height},{width},{height}"
