"""Which of the source's subtitles viewers can choose from."""

from typing import Final

from ingest.inspect.media import SubtitleStream
from ingest.plan.languages import UNDETERMINED, name_of, tag_of
from ingest.plan.model import SubtitleTrack
from ingest.plan.naming import label, unique

MOST_TRACKS: Final = 32
"""Films for the whole world have about as many."""


def shown(streams: tuple[SubtitleStream, ...]) -> tuple[SubtitleStream, ...]:
    """Those of ``streams`` that become tracks."""
    return streams[:MOST_TRACKS]


def tracks(streams: tuple[SubtitleStream, ...]) -> tuple[SubtitleTrack, ...]:
    """A track for each of ``streams`` that is shown.

    The first that the file prefers is the default, and none is where it prefers none.
    """
    chosen = shown(streams)
    default = next((stream for stream in chosen if stream.default), None)
    names: set[str] = set()
    labels: set[str] = set()
    return tuple(
        SubtitleTrack(
            index=stream.index,
            name=unique(f"subtitles-{tag_of(stream.language) or UNDETERMINED}", names, "-"),
            language=tag_of(stream.language) or UNDETERMINED,
            label=unique(_label(stream, number), labels, " "),
            default=stream is default,
            forced=stream.forced,
            hearing_impaired=stream.hearing_impaired,
        )
        for number, stream in enumerate(chosen, start=1)
    )


def _label(stream: SubtitleStream, number: int) -> str:
    tag = tag_of(stream.language)
    return label(stream.title) or (name_of(tag) if tag else f"Subtitles {number}")
