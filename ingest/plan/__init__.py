"""Decides how a source becomes renditions, segments and chunks, before anything is encoded."""

from ingest.plan.chunks import safe_to_chunk
from ingest.plan.model import (
    AudioRendition,
    Chunk,
    EncodingPlan,
    SourceInput,
    VideoRendition,
)
from ingest.plan.planner import plan
from ingest.plan.settings import PlanSettings

__all__ = [
    "AudioRendition",
    "Chunk",
    "EncodingPlan",
    "PlanSettings",
    "SourceInput",
    "VideoRendition",
    "plan",
    "safe_to_chunk",
]
