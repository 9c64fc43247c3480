"""Parts must be exactly what the plan asked for, or nothing is published."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from ingest.package.errors import PackageInvalid
from ingest.package.facts import Part, SegmentFacts
from ingest.package.layout import segment_name
from ingest.plan.model import AudioRendition, EncodingPlan, VideoRendition

AUDIO_SLACK: Final = Fraction(1, 10)
"""Seconds by which sound may differ from the plan: a few frames of its codec."""


def check_video(plan: EncodingPlan, rendition: VideoRendition, parts: Sequence[Part]) -> None:
    """Check the parts of a video rendition, in the order of their chunks.

    Raises:
        PackageInvalid: a part is missing, or a segment is not as planned to the frame.
    """
    check = _Checker(rendition.name)
    check.same("parts", len(parts), len(plan.chunks))
    check.one_init(parts)
    init = parts[0].facts.init
    check.same("units per second", init.timescale, plan.timescale)
    check.same("picture", (init.width, init.height), (rendition.width, rendition.height))
    frame = 0
    for chunk, part in zip(plan.chunks, parts, strict=True):
        counts = plan.segment_frame_counts(chunk)
        check.same(f"segments in {part.name}", len(part.facts.segments), len(counts))
        for offset, (segment, count) in enumerate(zip(part.facts.segments, counts, strict=True)):
            check.same("segment's name", segment.name, segment_name(chunk.first_segment + offset))
            check.same(f"frames in {segment.name}", segment.sample_count, count)
            check.starts(segment, frame * plan.frame_ticks)
            check.same(f"duration of {segment.name}", segment.duration, count * plan.frame_ticks)
            frame += count
    check.same("frames", frame, plan.frame_count)


def check_audio(plan: EncodingPlan, rendition: AudioRendition, parts: Sequence[Part]) -> None:
    """Check the one part of an audio rendition.

    Raises:
        PackageInvalid: it is missing, has a hole, or is not as long as planned.
    """
    check = _Checker(rendition.name)
    check.same("parts", len(parts), 1)
    init, segments = parts[0].facts.init, parts[0].facts.segments
    check.same("units per second", init.timescale, rendition.sample_rate)
    check.same("channels", init.channels, rendition.channels)
    samples = 0
    for number, segment in enumerate(segments):
        check.same("segment's name", segment.name, segment_name(number))
        check.starts(segment, samples)
        samples += segment.duration
        if Fraction(segment.duration, rendition.sample_rate) > plan.segment_duration + AUDIO_SLACK:
            raise PackageInvalid(rendition=rendition.name, reason=f"{segment.name} is too long")
    off = Fraction(samples - rendition.sample_count, rendition.sample_rate)
    if abs(off) > AUDIO_SLACK:
        raise PackageInvalid(
            rendition=rendition.name,
            reason=f"it lasts {samples} samples, not {rendition.sample_count} as planned",
        )


class _Checker:
    def __init__(self, rendition: str) -> None:
        self._rendition = rendition

    def same(self, what: str, found: object, planned: object) -> None:
        if found != planned:
            raise PackageInvalid(
                rendition=self._rendition, reason=f"{what}: {found}, planned {planned}"
            )

    def one_init(self, parts: Sequence[Part]) -> None:
        inits = {part.facts.init.sha256 for part in parts}
        if len(inits) != 1:
            raise PackageInvalid(
                rendition=self._rendition, reason="its parts have different init segments"
            )

    def starts(self, segment: SegmentFacts, decode_time: int) -> None:
        self.same(f"decode time of {segment.name}", segment.decode_time, decode_time)
        self.same(f"{segment.name} starts with a key frame", segment.starts_with_sync, True)
