"""Where the objects of a version lie below its prefix, and what they are.

``main.m3u8``, ``poster.jpg``, ``{rendition}/playlist.m3u8``, ``{rendition}/{part}/init.mp4`` and
``{rendition}/{part}/00000.m4s``. Each attempt at a chunk writes a part of its own, so that two
attempts never write the same object; playlists list the parts that were committed.
"""

from pathlib import PurePosixPath
from typing import Final

MULTIVARIANT_NAME: Final = "main.m3u8"
PLAYLIST_NAME: Final = "playlist.m3u8"
POSTER_NAME: Final = "poster.jpg"
INIT_NAME: Final = "init.mp4"
SEGMENT_PATTERN: Final = "%05d.m4s"
"""Of a segment's number in its rendition, from 0, in the words of printf and ffmpeg."""

CONTENT_TYPES: Final = {
    # RFC 8216 §10.
    ".m3u8": "application/vnd.apple.mpegurl",
    # RFC 4337; for segments the same, as players and caches know no other.
    ".mp4": "video/mp4",
    ".m4s": "video/mp4",
    ".vtt": "text/vtt",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".json": "application/json",
}

SUBTITLE_PATTERN: Final = "%05d.vtt"

PICTURES_FOLDER: Final = "pictures"
PREVIEW_NAME: Final = "preview.webp"
STORYBOARD_NAME: Final = "storyboard.vtt"
STORYBOARD_PATTERN: Final = "storyboard-%03d.jpg"
"""Of a sheet's number in the storyboard, from 0."""


def part_name(chunk: int, attempt: int) -> str:
    """The folder of what ``attempt`` (from 1) at ``chunk`` (from 0) made."""
    return f"c{chunk:04d}a{attempt}"


def segment_name(number: int) -> str:
    """The name of segment ``number`` of a rendition, from 0."""
    return SEGMENT_PATTERN % number


def content_type(key: str) -> str:
    """The media type of the object at ``key``.

    Raises:
        KeyError: no object of a package ends so.
    """
    return CONTENT_TYPES[PurePosixPath(key).suffix]
