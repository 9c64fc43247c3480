"""Decides how a source becomes renditions, segments and chunks, before anything is encoded."""

from ingest.plan.chunks import safe_to_chunk
from ingest.plan.model import (
    AudioCodec,
    AudioRendition,
    AudioTrack,
    Chunk,
    EncodeGroup,
    EncodingPlan,
    Pictures,
    SourceInput,
    SubtitleTrack,
    VideoCodec,
    VideoRendition,
)
from ingest.plan.planner import plan
from ingest.plan.settings import PlanSettings

__all__ = [
    "AudioCodec",
    "AudioRendition",
    "AudioTrack",
    "Chunk",
    "EncodeGroup",
    "EncodingPlan",
    "Pictures",
    "PlanSettings",
    "SourceInput",
    "SubtitleTrack",
    "VideoCodec",
    "VideoRendition",
    "plan",
    "safe_to_chunk",
]
