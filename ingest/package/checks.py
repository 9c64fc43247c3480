"""Parts must be exactly what the plan asked for, or nothing is published."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Final, NoReturn

from ingest.package.errors import PackageInvalid
from ingest.package.facts import InitFacts, Part, SegmentFacts
from ingest.package.layout import SEGMENT_PATTERN, SUBTITLE_PATTERN, TRANSPORT_PATTERN
from ingest.plan.model import AudioRendition, AudioTrack, EncodingPlan, VideoRendition

AUDIO_SLACK: Final = Fraction(1, 10)
"""Seconds by which sound may differ from the plan: a few frames of its codec."""

TRACK_RATE: Final = 48_000
"""Samples per second in which the length of a track is planned."""


def check_video(plan: EncodingPlan, rendition: VideoRendition, parts: Sequence[Part]) -> None:
    """Check the parts of a video rendition, in the order of their chunks.

    Raises:
        PackageInvalid: a part is missing, or a segment is not as planned to the frame.
    """
    check = _Checker(rendition.name)
    check.same("parts", len(parts), len(plan.chunks))
    init = check.one_init(parts)
    check.same("units per second", init.timescale, plan.timescale)
    check.same("picture", (init.width, init.height), (rendition.width, rendition.height))
    check.same("range", init.video_range, rendition.video_range)
    frame, ticks = 0, plan.frame_ticks
    for chunk, part in zip(plan.chunks, parts, strict=True):
        counts = plan.segment_frame_counts(chunk)
        check.same(f"segments in {part.name}", len(part.facts.segments), len(counts))
        for offset, (segment, count) in enumerate(zip(part.facts.segments, counts, strict=True)):
            check.named(segment, SEGMENT_PATTERN, chunk.first_segment + offset)
            # A last frame may be shown past the end of the grid.
            shown = -(-count // rendition.frame_step)
            check.same(f"frames in {segment.name}", segment.sample_count, shown)
            check.starts(segment, frame * ticks)
            lasts = shown * rendition.frame_step * ticks
            check.same(f"duration of {segment.name}", segment.duration, lasts)
            check.same(
                f"key frames of {segment.name}",
                [key.decode_time for key in segment.key_frames],
                [(frame + key) * ticks for key in range(0, count, plan.keyframe_interval)],
            )
            frame += count
    check.same("frames", frame, plan.frame_count)


def check_audio(
    plan: EncodingPlan, track: AudioTrack, rendition: AudioRendition, parts: Sequence[Part]
) -> None:
    """Check the one part of an audio rendition of ``track``.

    Raises:
        PackageInvalid: it is missing, has a hole, is not as long as planned, or is not cut where
            the picture is.
    """
    check = _Checker(rendition.name)
    check.same("parts", len(parts), 1)
    init, segments = check.one_init(parts), parts[0].facts.segments
    check.same("units per second", init.timescale, rendition.sample_rate)
    check.same("channels", init.channels, rendition.channels)
    samples = 0
    for number, segment in enumerate(segments):
        check.named(segment, SEGMENT_PATTERN, number)
        check.starts(segment, samples)
        late = Fraction(samples, rendition.sample_rate) - number * plan.segment_duration
        if abs(late) > AUDIO_SLACK:
            check.refuse(f"{segment.name} starts {float(late):.3f} seconds late")
        samples += segment.duration
        if Fraction(segment.duration, rendition.sample_rate) > plan.segment_duration + AUDIO_SLACK:
            check.refuse(f"{segment.name} is too long")
    planned = Fraction(track.sample_count, TRACK_RATE)
    if abs(Fraction(samples, rendition.sample_rate) - planned) > AUDIO_SLACK:
        check.refuse(
            f"it lasts {samples / rendition.sample_rate:.3f} seconds, not {float(planned):.3f} as "
            "planned"
        )


def check_transport(name: str, parts: Sequence[Part], twins: Sequence[Part]) -> None:
    """Check the parts of a transport stream against those of its twin.

    Raises:
        PackageInvalid: it has not the same parts with the same segments.
    """
    check = _Checker(name)
    check.same("parts", [part.name for part in parts], [part.name for part in twins])
    for part, twin in zip(parts, twins, strict=True):
        found, planned = part.facts.segments, twin.facts.segments
        check.same(f"segments in {part.name}", len(found), len(planned))
        for one, other in zip(found, planned, strict=True):
            check.named(one, TRANSPORT_PATTERN, int(PurePosixPath(other.name).stem))
            check.starts(one, other.decode_time)
            check.same(f"duration of {one.name}", one.duration, other.duration)


def check_subtitles(plan: EncodingPlan, name: str, parts: Sequence[Part]) -> None:
    """Check the one part of a track of subtitles.

    Raises:
        PackageInvalid: it is missing, or is not cut where the picture is.
    """
    check = _Checker(name)
    check.same("parts", len(parts), 1)
    segments = parts[0].facts.segments
    check.same("segments", len(segments), plan.segment_count)
    ticks = plan.frame_ticks
    for number, segment in enumerate(segments):
        first = number * plan.segment_frames
        frames = min(plan.segment_frames, plan.frame_count - first)
        check.named(segment, SUBTITLE_PATTERN, number)
        check.starts(segment, first * ticks)
        check.same(f"duration of {segment.name}", segment.duration, frames * ticks)


class _Checker:
    def __init__(self, rendition: str) -> None:
        self._rendition = rendition

    def refuse(self, reason: str) -> NoReturn:
        raise PackageInvalid(rendition=self._rendition, reason=reason)

    def same(self, what: str, found: object, planned: object) -> None:
        if found != planned:
            self.refuse(f"{what}: {found}, planned {planned}")

    def one_init(self, parts: Sequence[Part]) -> InitFacts:
        inits = [part.facts.init for part in parts]
        first = inits[0]
        if first is None or any(one is None or one.sha256 != first.sha256 for one in inits):
            self.refuse("its parts have different init segments")
        return first

    def named(self, segment: SegmentFacts, pattern: str, number: int) -> None:
        self.same("segment's name", segment.name, pattern % number)

    def starts(self, segment: SegmentFacts, decode_time: int) -> None:
        self.same(f"decode time of {segment.name}", segment.decode_time, decode_time)
        self.same(f"{segment.name} starts with a key frame", segment.starts_with_sync, True)
