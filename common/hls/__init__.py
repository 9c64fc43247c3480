"""HLS playlists: the model and its writer (RFC 8216, draft-pantos-hls-rfc8216bis)."""

from common.hls.attributes import PlaylistInvalid
from common.hls.media import MediaPlaylist, Segment, target_duration
from common.hls.multivariant import (
    AudioMedia,
    MultivariantPlaylist,
    Resolution,
    Variant,
    VideoRange,
)

__all__ = [
    "AudioMedia",
    "MediaPlaylist",
    "MultivariantPlaylist",
    "PlaylistInvalid",
    "Resolution",
    "Segment",
    "Variant",
    "VideoRange",
    "target_duration",
]
