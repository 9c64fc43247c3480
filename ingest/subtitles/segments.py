"""Cues to the segments of a subtitle rendition, on the grid of the video's segments. Pure.

A cue is in each segment in which it is shown, with the times that it has (RFC 8216 §3.5): players
that begin anywhere show it, and know it when they meet it again.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from ingest.package.facts import SegmentFacts
from ingest.package.layout import SUBTITLE_PATTERN
from ingest.plan.model import EncodingPlan
from ingest.subtitles.cues import Cue, written
from ingest.subtitles.parse import require_room

HEADER: Final = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{start},LOCAL:00:00:00.000\n"


def segment_texts(cues: tuple[Cue, ...], plan: EncodingPlan, *, start: int = 0) -> Iterator[str]:
    """The text of each segment of ``plan``, in order; a segment without cues is one too.

    ``start`` is what the clock of the video, 90,000 a second, shows at its first picture: 0 in
    fragmented MP4 whose decode times begin at 0.

    Raises:
        SubtitlesTooDense: they would be too many bytes together.
    """
    duration = round(plan.duration * 1000)
    require_room(cues, segment=int(plan.segment_duration * 1000), duration=duration)
    shown: list[Cue] = []
    waiting = iter(sorted(cues, key=lambda cue: cue.start))
    following = next(waiting, None)
    for number in range(plan.segment_count):
        begin = plan.segment_duration * number * 1000
        end = plan.segment_duration * (number + 1) * 1000
        shown = [cue for cue in shown if cue.end > begin]
        while following is not None and following.start < end:
            shown.append(following)
            following = next(waiting, None)
        yield "\n".join([HEADER.format(start=start), *map(written, shown)])


def cut(
    cues: tuple[Cue, ...], plan: EncodingPlan, *, start: int = 0
) -> Iterator[tuple[SegmentFacts, bytes]]:
    """Each segment with what packaging needs to know of it; as ``segment_texts``."""
    for number, text in enumerate(segment_texts(cues, plan, start=start)):
        body = text.encode()
        first = number * plan.segment_frames
        frames = min(plan.segment_frames, plan.frame_count - first)
        facts = SegmentFacts(
            name=SUBTITLE_PATTERN % number,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            decode_time=first * plan.frame_ticks,
            duration=frames * plan.frame_ticks,
            sample_count=0,
            starts_with_sync=True,
        )
        yield facts, body
