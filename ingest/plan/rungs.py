"""The sizes and rates of each codec's ladder, and what its decoders can take.

The rates are the average bit rates of the recommended variants in Apple's "HTTP Live Streaming
(HLS) Authoring Specification for Apple Devices", the tables of H.264 and of HEVC in SDR and in HDR,
at 16:9; where a table has several for a size, the highest, and one more where the step to the next
size would be too long. They cap a constant quality: plain pictures stay far below. A size is told
by its short side, so that portrait video fares the same.
"""

from fractions import Fraction
from typing import Final, NamedTuple

from ingest.plan.model import VideoCodec


class Rung(NamedTuple):
    """A size and its rate, at 16:9."""

    short_side: int
    """Pixels."""
    bitrate: int
    """bit/s."""
    slow: bool = False
    """Whether the table has it at 30 frames per second at most; else it is at the source's rate."""


class Level(NamedTuple):
    """What a codec's decoders are sure to take."""

    longest: int
    """Pixels of a side."""
    shortest: int
    area: int
    """Pixels of a picture, its sides filled up to whole blocks of ``block``."""
    rate: int
    """Such pixels per second."""
    block: int


H264: Final = (
    Rung(1080, 7_800_000),
    Rung(720, 4_500_000),
    Rung(540, 2_000_000),
    Rung(432, 1_100_000, slow=True),
    Rung(360, 365_000, slow=True),
    Rung(234, 145_000, slow=True),
)
"""Ends at 1080p like the table: more is beyond the level that players are sure to take."""

H264_ALONE: Final = Rung(1440, 10_900_000)
"""For large sources where there is no other codec; as much above the table's best as in HEVC's.
2160p would take more than twice the work of all others together: it is for HEVC and AV1."""

HEVC: Final = (
    Rung(2160, 16_800_000),
    Rung(1440, 8_100_000),
    Rung(1080, 5_800_000),
    Rung(720, 3_400_000),
    Rung(540, 1_600_000),
    Rung(540, 600_000, slow=True),
    Rung(432, 300_000, slow=True),
    Rung(360, 145_000, slow=True),
)

HEVC_HDR: Final = (
    Rung(2160, 20_000_000),
    Rung(1440, 9_700_000),
    Rung(1080, 7_000_000),
    Rung(720, 4_080_000),
    Rung(540, 1_930_000),
    Rung(540, 730_000, slow=True),
    Rung(432, 360_000, slow=True),
    Rung(360, 160_000, slow=True),
)

AV1_SHARE: Final = Fraction(4, 5)
"""Apple has no rates for AV1. It needs a fifth to a third less than HEVC for the same picture; the
least of that, as these are caps."""


def _for_av1(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    return tuple(rung._replace(bitrate=int(rung.bitrate * AV1_SHARE)) for rung in rungs)


AV1: Final = _for_av1(HEVC)
AV1_HDR: Final = _for_av1(HEVC_HDR)

SLOW_SIDE: Final = 432
"""The largest short side that the tables have only at up to 30 frames per second."""

SLOW_RATE: Final = 30
"""Frames per second."""

LEVELS: Final = {
    # Level 4.2 (ITU-T H.264 Table A-1): 1080p at 60 frames per second, which all players have.
    VideoCodec.H264: Level(longest=4208, shortest=2, area=2_228_224, rate=133_693_440, block=16),
    # Level 5.1 (ITU-T H.265 Table A.8), the highest that Apple's 1.6b allows; x265 fails below 64.
    VideoCodec.HEVC: Level(longest=8444, shortest=64, area=8_912_896, rate=534_773_760, block=8),
    # Level 5.1 (AV1 specification Annex A.3), which hardware has; SVT-AV1 is meant for 64 and more.
    VideoCodec.AV1: Level(longest=8192, shortest=64, area=8_912_896, rate=534_773_760, block=8),
}

ALONE_LEVEL: Final = Level(longest=8688, shortest=2, area=9_437_184, rate=251_658_240, block=16)
"""Of `H264_ALONE`: level 5.1 (ITU-T H.264 Table A-1); Apple's 1.3b allows 5.2."""


def rungs_of(codec: VideoCodec, *, hdr: bool) -> tuple[Rung, ...]:
    """The ladder of ``codec``, best first; that of H.264 is the same for HDR, which it is not."""
    if codec is VideoCodec.HEVC:
        return HEVC_HDR if hdr else HEVC
    if codec is VideoCodec.AV1:
        return AV1_HDR if hdr else AV1
    return H264
