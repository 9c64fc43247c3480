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
from common.hls.variants import IFrameVariant, Picture, Resolution, Variant, VideoRange

__all__ = [
    "HEARING_IMPAIRED",
    "TITLE",
    "AudioMedia",
    "ByteRange",
    "ContentSteering",
    "IFrameVariant",
    "MediaPlaylist",
    "MultivariantPlaylist",
    "Picture",
    "PlaylistInvalid",
    "Resolution",
    "Segment",
    "SessionData",
    "SubtitleMedia",
    "Variant",
    "VideoRange",
    "quotable",
    "target_duration",
]
