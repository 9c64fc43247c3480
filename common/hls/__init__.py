"""HLS playlists: the model and its writer (RFC 8216, draft-pantos-hls-rfc8216bis)."""

from common.hls.attributes import PlaylistInvalid, quotable
from common.hls.media import ByteRange, MediaPlaylist, Segment, target_duration
from common.hls.multivariant import (
    TITLE,
    ContentSteering,
    MultivariantPlaylist,
    SessionData,
)
from common.hls.renditions import HEARING_IMPAIRED, AudioMedia, SubtitleMedia
from common.hls.steering import HERE, PathwayClone, steering_manifest
from common.hls.variants import IFrameVariant, Picture, Resolution, Variant, VideoRange

__all__ = [
    "HEARING_IMPAIRED",
    "HERE",
    "TITLE",
    "AudioMedia",
    "ByteRange",
    "ContentSteering",
    "IFrameVariant",
    "MediaPlaylist",
    "MultivariantPlaylist",
    "PathwayClone",
    "Picture",
    "PlaylistInvalid",
    "Resolution",
    "Segment",
    "SessionData",
    "SubtitleMedia",
    "Variant",
    "VideoRange",
    "quotable",
    "steering_manifest",
    "target_duration",
]
