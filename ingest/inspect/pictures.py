"""What a decoded frame says of the whole video: how it was scanned, and how bright it gets."""

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from ingest.inspect.media import ContentLight, MasteringDisplay

TELLS_FIELDS: Final = frozenset({2, 3, 4, 5})
"""FFmpeg's field orders of interlaced video (``AVFieldOrder``); 0 says nothing, 1 progressive."""

CHROMATICITY: Final = 50_000
LUMINANCE: Final = 10_000
"""Steps in 1, in ITU-T H.265 §D.3.28."""

MOST_CHROMATICITY: Final = 50_000
MOST_LUMINANCE: Final = (1 << 32) - 1
MOST_LIGHT: Final = (1 << 16) - 1
"""The largest values that H.265's messages may carry."""

DISPLAY: Final = struct.Struct("@20i2i")
"""FFmpeg's ``AVMasteringDisplayMetadata``: ten ratios; whether colours and luminance are set."""

LIGHT: Final = struct.Struct("@2I")
"""FFmpeg's ``AVContentLightMetadata``."""


def mastering_display(frame: VideoFrame) -> MasteringDisplay | None:
    """The display that ``frame`` was mastered on; none where it says nothing, or what cannot be."""
    told = _side_data(frame, Type.MASTERING_DISPLAY_METADATA, DISPLAY)
    if told is None or not (told[-2] and told[-1]):
        return None
    ratios = [_ratio(told[at], told[at + 1]) for at in range(0, 20, 2)]
    if None in ratios:
        return None
    values = [ratio for ratio in ratios if ratio is not None]
    colors = [round(value * CHROMATICITY) for value in values[:8]]
    least, most = (round(value * LUMINANCE) for value in values[8:])
    if max(colors) > MOST_CHROMATICITY or not least < most <= MOST_LUMINANCE:
        return None
    return MasteringDisplay(
        red=(colors[0], colors[1]),
        green=(colors[2], colors[3]),
        blue=(colors[4], colors[5]),
        white=(colors[6], colors[7]),
        max_luminance=most,
        min_luminance=least,
    )


def content_light(frame: VideoFrame) -> ContentLight | None:
    """How bright the video of ``frame`` gets; none where it says nothing, or what cannot be."""
    told = _side_data(frame, Type.CONTENT_LIGHT_LEVEL, LIGHT)
    if told is None or not any(told) or max(told) > MOST_LIGHT:
        return None
    return ContentLight(max_content=told[0], max_average=told[1])


def _side_data(frame: VideoFrame, kind: Type, layout: struct.Struct) -> Sequence[int] | None:
    try:
        # PyAV's own types have it that this goes over strings.
        found: Iterable[Any] = frame.side_data
    except ValueError:
        # PyAV gives none of them where one is of a kind that it has no name for, such as EXIF.
        return None
    for data in found:
        if data.type == kind and len(raw := bytes(data)) >= layout.size:
            return layout.unpack_from(raw)
    return None


def _ratio(numerator: int, denominator: int) -> Fraction | None:
    if denominator <= 0 or numerator < 0:
        return None
    return Fraction(numerator, denominator)
