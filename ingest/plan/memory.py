"""How much memory an encode may take, so that a worker can tell whether it fits. Pure.

The figures are of the most memory that ffmpeg 9.0 held while it encoded one rendition of 720p,
1080p or 2160p with the presets that are the defaults. Encoders hold more the more threads they
have; these are between what they held with two and with sixteen, where H.264 at 1080p took 440 and
720 MB, HEVC 430 and 700 (960 with 10 bits), AV1 540 and 1060.
"""

from typing import Final, NamedTuple

from common.hls import VideoRange
from ingest.inspect.media import VideoStream
from ingest.plan.model import EncodeGroup, EncodingPlan, VideoCodec, VideoRendition

BASE: Final = 200_000_000
"""Bytes of ffmpeg itself, its demuxer and its buffers."""


class _Encoder(NamedTuple):
    fixed: int
    """Bytes, whatever the size of the picture."""
    frames: int
    """Frames of a rendition that are kept: to look ahead, and in threads."""


ENCODERS: Final = {
    VideoCodec.H264: _Encoder(fixed=20_000_000, frames=180),
    VideoCodec.HEVC: _Encoder(fixed=70_000_000, frames=150),
    VideoCodec.AV1: _Encoder(fixed=250_000_000, frames=150),
}

DECODER_FRAMES: Final = 20
"""Frames of the source in the decoder, in its threads and between filters; 16 are references."""

ENCODED_PIXEL: Final = 1.5
DEEP_PIXEL: Final = 3.0
"""Bytes of a pixel in 4:2:0, of 8 bits or of up to 16."""


def encode_memory(video: VideoStream, plan: EncodingPlan, group: EncodeGroup) -> float:
    """Bytes that encoding a chunk of ``video`` in the renditions of ``group`` may take."""
    encoders = sum(_encoder(plan.rendition(name)) for name in group.renditions)
    decoder = video.width * video.height * DEEP_PIXEL * DECODER_FRAMES
    return BASE + encoders + decoder


def _encoder(rendition: VideoRendition) -> float:
    encoder = ENCODERS[rendition.codec]
    pixel = ENCODED_PIXEL if rendition.video_range is VideoRange.SDR else DEEP_PIXEL
    return encoder.fixed + rendition.width * rendition.height * pixel * encoder.frames
