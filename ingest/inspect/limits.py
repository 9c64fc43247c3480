"""How far an inspection may go, and which media are taken. Both are settings of ingest."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from common.settings import ByteSize
from ingest.inspect.codecs import AUDIO_CODECS, VIDEO_CODECS
from ingest.inspect.errors import ProfileUnknown

SHORTS: Final = "shorts"
SHORTS_SECONDS: Final = 10.0


class InspectionLimits(msgspec.Struct, frozen=True):
    """What the process that reads an upload may use."""

    wall_seconds: Annotated[
        float,
        Meta(gt=0, description="How long looking into a file may take.", extra={"unit": "seconds"}),
    ] = 300.0
    processor_seconds: Annotated[
        int,
        Meta(
            ge=1,
            description="Processor time for looking into a file.",
            extra={"unit": "seconds"},
        ),
    ] = 120
    memory: Annotated[
        ByteSize,
        Meta(
            description="Address space for looking into a file.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(2 << 30)


class MediaLimits(msgspec.Struct, frozen=True):
    """Which media are taken."""

    max_bytes: Annotated[
        ByteSize,
        Meta(description="The largest file taken.", extra={"unit": "bytes"}),
    ] = ByteSize(20 << 30)
    max_seconds: Annotated[
        float,
        Meta(gt=0, description="The longest video taken.", extra={"unit": "seconds"}),
    ] = 600.0
    min_seconds: Annotated[
        float,
        Meta(ge=0, description="The shortest video taken.", extra={"unit": "seconds"}),
    ] = 0.0
    max_side: Annotated[
        int,
        Meta(
            ge=2,
            le=16384,
            description="The longest side of a picture taken.",
            extra={"unit": "pixels"},
        ),
    ] = 8192
    min_side: Annotated[
        int,
        Meta(
            ge=1,
            description="The shortest side of a picture taken.",
            extra={"unit": "pixels"},
        ),
    ] = 1
    max_frame_rate: Annotated[
        float,
        Meta(
            gt=0,
            description="The highest frame rate taken.",
            extra={"unit": "frames per second"},
        ),
    ] = 250.0
    max_streams: Annotated[
        int, Meta(ge=1, le=1000, description="The most streams of any kind in a file taken.")
    ] = 64
    max_channels: Annotated[
        int, Meta(ge=1, le=64, description="The most channels of sound taken.")
    ] = 16
    max_sample_rate: Annotated[
        int,
        Meta(
            ge=8000,
            le=768_000,
            description="The highest sample rate of sound taken.",
            extra={"unit": "Hz"},
        ),
    ] = 192_000
    video_codecs: Annotated[
        tuple[str, ...], Meta(description="Codecs of video taken, by FFmpeg's names.")
    ] = VIDEO_CODECS
    audio_codecs: Annotated[
        tuple[str, ...],
        Meta(description="Codecs of sound taken, by FFmpeg's names; others are left out."),
    ] = AUDIO_CODECS


class MediaProfile(MediaLimits, frozen=True, kw_only=True):
    """Limits that an upload may name."""

    name: Annotated[
        str,
        Meta(
            description="What an upload calls it by.",
            pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
            extra={"example": "films"},
        ),
    ]


def limits_of(
    profile: str | None, limits: MediaLimits, profiles: Sequence[MediaProfile]
) -> MediaLimits:
    """The limits for an upload that names ``profile``, or none.

    ``profiles`` are the operator's own; "shorts" is there without them, as ``limits`` but short.

    Raises:
        ProfileUnknown: there is none of that name.
    """
    if profile is None:
        return limits
    shorts = msgspec.structs.replace(
        limits,
        max_seconds=min(SHORTS_SECONDS, limits.max_seconds),
        min_seconds=min(SHORTS_SECONDS, limits.min_seconds),
    )
    known: dict[str, MediaLimits] = {SHORTS: shorts, **{one.name: one for one in profiles}}
    if profile not in known:
        raise ProfileUnknown(profile=profile, known=", ".join(sorted(known)))
    return known[profile]
