"""What an operator may choose about plans."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ingest.plan.model import VideoCodec


class PlanSettings(msgspec.Struct, frozen=True):
    """Which renditions a source becomes, and how it is cut into segments and chunks."""

    codecs: Annotated[
        tuple[VideoCodec, ...],
        Meta(
            max_length=3,
            description="Codecs of video. H.264, which every player has, is made even when it is "
            "not named.",
        ),
    ] = (VideoCodec.H264,)
    opus: Annotated[
        bool, Meta(description="Encode sound to Opus too, which is better at low rates.")
    ] = False
    transport_stream: Annotated[
        bool,
        Meta(
            description="Offer H.264 and AAC in MPEG-2 transport streams too, for players that "
            "know no fragmented MP4, under `ts.m3u8`. Takes twice the room."
        ),
    ] = False
    segment_seconds: Annotated[
        float,
        Meta(
            ge=2,
            le=30,
            description="Length of a segment, to the nearest whole group of pictures.",
            extra={"unit": "seconds"},
        ),
    ] = 6.0
    short_segment_seconds: Annotated[
        float,
        Meta(
            ge=2,
            le=30,
            description="The same for shorts, which start sooner so.",
            extra={"unit": "seconds"},
        ),
    ] = 2.0
    chunk_seconds: Annotated[
        Annotated[float, Meta(ge=2)] | None,
        Meta(
            description="Length of what one encode task takes, to the nearest whole segment. "
            "Without it, 10 to 60 by the length of the video.",
            extra={"unit": "seconds"},
        ),
    ] = None
    first_seconds: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(
            description="Videos of at least this length are published in their lowest useful "
            "renditions first, and in all of them later; `inf` switches it off.",
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    audio_bitrates: Annotated[
        tuple[Annotated[int, Meta(ge=32_000, le=512_000)], ...],
        Meta(
            min_length=1,
            max_length=3,
            description="Bit rates of AAC, in stereo.",
            extra={"unit": "bit/s"},
        ),
    ] = (128_000, 64_000)
    loudness: Annotated[
        Annotated[float, Meta(ge=-50, le=0)] | None,
        Meta(
            description="Loudness that sound is brought to (EBU R 128); 0 leaves it as it is.",
            extra={"unit": "LUFS"},
        ),
    ] = -23.0
