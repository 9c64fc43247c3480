"""Where the objects of a version lie below its prefix, and what they are.

Multivariant playlists lie at the top, a profile each: ``main.m3u8``. Each rendition has a folder,
whose name begins with its codec's, with ``subtitles`` or, of transport streams, with ``ts-``:
``{rendition}/playlist.m3u8``, of video ``{rendition}/iframes.m3u8``, and below them
``{part}/init.mp4`` and ``{part}/00000.m4s``, ``{part}/00000.ts`` or ``{part}/00000.vtt``. Pictures
lie in ``pictures/{part}``. Each attempt at a chunk writes a part of its own, so that two attempts
never write the same object; playlists list the parts that were committed.
"""

from typing import Final

PLAYLIST_NAME: Final = "playlist.m3u8"
I_FRAMES_NAME: Final = "iframes.m3u8"
INIT_NAME: Final = "init.mp4"

SEGMENT_PATTERN: Final = "%05d.m4s"
"""Of a segment's number in its rendition, from 0, in the words of printf and ffmpeg."""
TRANSPORT_PATTERN: Final = "%05d.ts"
SUBTITLE_PATTERN: Final = "%05d.vtt"

TRANSPORT_PREFIX: Final = "ts-"
"""Before the name of the rendition that a transport stream is the twin of, or of subtitles that
are timed by the clock of transport streams."""

PICTURES_FOLDER: Final = "pictures"
POSTER_NAME: Final = "poster.jpg"
PREVIEW_NAME: Final = "preview.webp"
STORYBOARD_NAME: Final = "storyboard.vtt"
STORYBOARD_PATTERN: Final = "storyboard-%03d.jpg"
"""Of a sheet's number in the storyboard, from 0."""

CONTENT_TYPES: Final = {
    # RFC 8216 §10.
    ".m3u8": "application/vnd.apple.mpegurl",
    # RFC 4337; for segments the same, as players and caches know no other.
    ".mp4": "video/mp4",
    ".m4s": "video/mp4",
    # RFC 3555 §4.1.
    ".ts": "video/mp2t",
    # W3C WebVTT §7.1.
    ".vtt": "text/vtt",
    ".jpg": "image/jpeg",
    # RFC 9649 §6.
    ".webp": "image/webp",
    ".json": "application/json",
}


def part_name(chunk: int, attempt: int) -> str:
    """The folder of what ``attempt`` (from 1) at ``chunk`` (from 0) made."""
    return f"c{chunk:04d}a{attempt}"


def segment_name(number: int) -> str:
    """The name of segment ``number`` of a rendition, from 0."""
    return SEGMENT_PATTERN % number


def transport_name(rendition: str) -> str:
    """The name of the twin of ``rendition`` that goes with transport streams."""
    return TRANSPORT_PREFIX + rendition


def content_type(key: str) -> str:
    """The media type of the object at ``key``.

    Raises:
        KeyError: no object of a package ends so.
    """
    _, dot, suffix = key.rpartition(".")
    return CONTENT_TYPES[dot + suffix]
