"""What an operator may choose about plans."""

from typing import Annotated

import msgspec
from msgspec import Meta


class PlanSettings(msgspec.Struct, frozen=True):
    """How a source is cut into segments and chunks."""

    segment_seconds: Annotated[
        float,
        Meta(
            ge=2,
            le=30,
            description="Length of a segment, to the nearest whole group of pictures.",
            extra={"unit": "seconds"},
        ),
    ] = 6.0
    chunk_seconds: Annotated[
        float,
        Meta(
            ge=2,
            description="Length of what one encode task takes, to the nearest whole segment.",
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    audio_bitrate: Annotated[
        int,
        Meta(
            ge=32_000,
            le=512_000,
            description="Bit rate of the audio rendition.",
            extra={"unit": "bit/s"},
        ),
    ] = 128_000
