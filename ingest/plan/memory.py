"""How much memory an encode may take, so that a worker can tell whether it fits. Pure."""

from typing import Final

from ingest.inspect.media import VideoStream
from ingest.plan.model import EncodeGroup, EncodingPlan, VideoCodec

BASE: Final = 200_000_000
"""Bytes of ffmpeg itself, its demuxer and its buffers."""

ENCODER_FRAMES: Final = {VideoCodec.H264: 80, VideoCodec.HEVC: 120, VideoCodec.AV1: 160}
"""Frames that an encoder keeps of a rendition: to look ahead, and in its threads."""

DECODER_FRAMES: Final = 20
"""Frames of the source in the decoder, in its threads and between filters; 16 are references."""

ENCODED_PIXEL: Final = 1.5
DECODED_PIXEL: Final = 3.0
"""Bytes of a pixel in 4:2:0: of 8 bits in the encoder, of up to 16 in the decoder."""


def encode_memory(video: VideoStream, plan: EncodingPlan, group: EncodeGroup) -> float:
    """Bytes that encoding a chunk of ``video`` in the renditions of ``group`` may take."""
    renditions = [plan.rendition(name) for name in group.renditions]
    pixels = sum(rendition.width * rendition.height for rendition in renditions)
    encoders = pixels * ENCODED_PIXEL * ENCODER_FRAMES[group.codec]
    decoder = video.width * video.height * DECODED_PIXEL * DECODER_FRAMES
    return BASE + encoders + decoder
