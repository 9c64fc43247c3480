"""Media types of objects that somebody put into a folder by hand, without telling them."""

from typing import Final

UNKNOWN: Final = "application/octet-stream"

_BY_EXTENSION: Final = {
    "m3u8": "application/vnd.apple.mpegurl",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "ts": "video/mp2t",
    "vtt": "text/vtt",
    "json": "application/json",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}


def media_type_of(name: str) -> str:
    """The media type that the extension of ``name`` stands for."""
    return _BY_EXTENSION.get(name.rpartition(".")[2].lower(), UNKNOWN)
