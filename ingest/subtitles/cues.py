"""A cue of subtitles, and how it is written as WebVTT. Pure.

Times are whole milliseconds, as finely as WebVTT tells them (W3C WebVTT §4.1).
"""

from collections.abc import Iterable
from typing import Final

import msgspec

LONGEST: Final = 24 * 3600 * 1000
"""Milliseconds; no video is longer, as far as the room that cues take is concerned."""


class Cue(msgspec.Struct, frozen=True, array_like=True):
    """A text and when it is shown."""

    start: int
    """Milliseconds from the start of the video."""
    end: int
    """Later than ``start``."""
    text: str
    """Of WebVTT (§4.2.2): escaped, at least one line, no empty one."""
    settings: str = ""
    """Of WebVTT (§4.4), separated by spaces."""


def shifted(cues: Iterable[Cue], by: int) -> tuple[Cue, ...]:
    """The cues ``by`` milliseconds later; what would be before the start is not shown."""
    return tuple(
        msgspec.structs.replace(cue, start=max(0, cue.start + by), end=cue.end + by)
        for cue in cues
        if cue.end + by > 0
    )


def written(cue: Cue) -> str:
    """``cue`` as a block of WebVTT, with the line end that ends it."""
    settings = f" {cue.settings}" if cue.settings else ""
    return f"{time_text(cue.start)} --> {time_text(cue.end)}{settings}\n{cue.text}\n"


def document(cues: Iterable[Cue]) -> str:
    """A whole WebVTT file."""
    return "\n".join(["WEBVTT\n", *map(written, cues)])


def time_text(milliseconds: int) -> str:
    """A timestamp with hours, as every reader takes it."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}.{thousandths:03d}"
