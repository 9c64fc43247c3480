"""Alternative renditions: sound and subtitles to choose from (RFC 8216 §4.3.4.1)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.hls.attributes import attribute_list, language, quoted, require, uri, yes

HEARING_IMPAIRED: Final = (
    "public.accessibility.transcribes-spoken-dialog",
    "public.accessibility.describes-music-and-sound",
)
"""What subtitles for people who do not hear are marked with (rfc8216bis §4.4.6.1)."""


@dataclass(frozen=True)
class AudioMedia:
    """An audio rendition (EXT-X-MEDIA with TYPE=AUDIO)."""

    group: str
    name: str
    """For people; unique in its group."""
    uri: str
    channels: int
    default: bool
    """Whether it plays unless a viewer chooses."""
    language: str | None = None
    """A tag of RFC 5646."""
    autoselect: bool = True
    """Whether a player may choose it by language; what is default it must be able to choose."""

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        require(self.channels > 0, f"audio {self.name!r} has no channels")
        _require_choosable(self)
        return "#EXT-X-MEDIA:" + attribute_list(
            [
                ("TYPE", "AUDIO"),
                ("GROUP-ID", quoted(self.group)),
                ("NAME", quoted(self.name)),
                ("LANGUAGE", language(self.language) if self.language is not None else None),
                ("DEFAULT", yes(self.default)),
                ("AUTOSELECT", yes(self.autoselect)),
                ("CHANNELS", quoted(str(self.channels))),
                ("URI", quoted(uri(self.uri))),
            ]
        )


@dataclass(frozen=True)
class SubtitleMedia:
    """Subtitles (EXT-X-MEDIA with TYPE=SUBTITLES)."""

    group: str
    name: str
    """For people; unique in its group."""
    uri: str
    language: str
    """A tag of RFC 5646."""
    default: bool
    """Whether they are shown unless a viewer chooses."""
    forced: bool = False
    """Whether they hold only what must be read to follow, such as foreign speech."""
    hearing_impaired: bool = False
    """Whether they tell of sounds too."""
    autoselect: bool = True
    """As of sound."""

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        _require_choosable(self)
        marks = quoted(",".join(HEARING_IMPAIRED)) if self.hearing_impaired else None
        return "#EXT-X-MEDIA:" + attribute_list(
            [
                ("TYPE", "SUBTITLES"),
                ("GROUP-ID", quoted(self.group)),
                ("NAME", quoted(self.name)),
                ("LANGUAGE", language(self.language)),
                ("DEFAULT", yes(self.default)),
                ("AUTOSELECT", yes(self.autoselect)),
                ("FORCED", yes(self.forced)),
                ("CHARACTERISTICS", marks),
                ("URI", quoted(uri(self.uri))),
            ]
        )


def require_groups(renditions: Sequence[AudioMedia | SubtitleMedia]) -> set[str]:
    """The groups of ``renditions``, which are all of one type (RFC 8216 §4.3.4.1.1).

    Raises:
        PlaylistInvalid: a group has two of one name, or more than one default.
    """
    for (group, _), count in Counter((one.group, one.name) for one in renditions).items():
        require(count == 1, f"two renditions of {group!r} share a name")
    for group, count in Counter(one.group for one in renditions if one.default).items():
        require(count == 1, f"{group!r} has {count} default renditions")
    return {one.group for one in renditions}


def _require_choosable(media: AudioMedia | SubtitleMedia) -> None:
    require(media.name != "", f"a rendition of {media.group!r} has no name")
    require(
        media.autoselect or not media.default,
        f"{media.name!r} is default, but must not be chosen",
    )
