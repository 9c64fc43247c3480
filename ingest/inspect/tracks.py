"""What streams are called, and which of the subtitles are text."""

import re
from typing import Final

from av.container import InputContainer
from av.stream import Disposition, Stream

from ingest.inspect.containers import ISO_MEDIA
from ingest.inspect.headers import codec_name
from ingest.inspect.media import SubtitleStream

TEXT_CODECS: Final = frozenset({"subrip", "ass", "mov_text", "webvtt", "text"})
"""FFmpeg's decoders of subtitles that are text; others are pictures, or captions in the video."""

LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
"""ISO 639 or a tag of RFC 5646 §2.1."""

UNDETERMINED: Final = "und"
"""ISO 639-2's code for a language that is not known."""

LONGEST_TITLE: Final = 100
LOOKED_AT: Final = 1000
"""Characters of a title of which its first are made."""


def subtitles(container: InputContainer) -> tuple[SubtitleStream, ...]:
    """The streams of ``container`` that are subtitles in text."""
    return tuple(
        SubtitleStream(
            index=stream.index,
            codec=codec_name(stream),
            language=language(stream.language),
            title=title(stream),
            # MP4 knows only whether a track is switched on, which is not to say: show it.
            default=prefers(stream) and container.format.name != ISO_MEDIA,
            forced=bool(stream.disposition & Disposition.forced),
            hearing_impaired=bool(stream.disposition & Disposition.hearing_impaired),
        )
        for stream in container.streams.subtitles
        if codec_name(stream) in TEXT_CODECS
    )


def prefers(stream: Stream) -> bool:
    """Whether the file says that ``stream`` is the one for viewers who do not choose."""
    return bool(stream.disposition & Disposition.default)


def language(told: str | None) -> str | None:
    """``told``, where it is a language; a file may say anything, at any length."""
    known = told is not None and told != UNDETERMINED and LANGUAGE.fullmatch(told)
    return told if known else None


def title(stream: Stream) -> str | None:
    """What the file calls ``stream``, without what cannot be seen; a file may say anything."""
    told = stream.metadata.get("title", "")[:LOOKED_AT]
    seen = "".join(character if character.isprintable() else " " for character in told)
    return " ".join(seen.split())[:LONGEST_TITLE].rstrip() or None
