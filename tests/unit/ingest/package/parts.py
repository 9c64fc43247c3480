"""Parts as a faultless encode of a plan would have measured them."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from common.hls import VideoRange
from ingest.package import (
    InitFacts,
    KeyFrame,
    Part,
    PartFacts,
    SegmentFacts,
    part_name,
    transport_name,
)
from ingest.plan.model import (
    AudioCodec,
    AudioRendition,
    AudioTrack,
    EncodingPlan,
    SubtitleTrack,
    VideoCodec,
    VideoRendition,
)

CODECS = {
    VideoCodec.H264: "avc1.64001f",
    VideoCodec.HEVC: "hvc1.1.6.L93.B0",
    VideoCodec.AV1: "av01.0.04M.08",
}
SAMPLES = {AudioCodec.AAC: 1024, AudioCodec.OPUS: 960}
SHARE = 7 / 10
"""Of the highest rate, that a rendition has on the average."""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def video_parts(plan: EncodingPlan, rendition: VideoRendition) -> tuple[Part, ...]:
    init = InitFacts(
        name="init.mp4",
        size=800,
        sha256=digest(rendition.name),
        codec=CODECS[rendition.codec],
        timescale=plan.timescale,
        width=rendition.width,
        height=rendition.height,
        channels=0,
        sample_rate=0,
        video_range=rendition.video_range,
    )
    parts = []
    for chunk in plan.chunks:
        segments = []
        frame = chunk.first_frame
        for offset, count in enumerate(plan.segment_frame_counts(chunk)):
            segments.append(
                _video_segment(plan, rendition, chunk.first_segment + offset, frame, count)
            )
            frame += count
        facts = PartFacts(init=init, segments=tuple(segments))
        parts.append(Part(name=part_name(chunk.index, 1), facts=facts))
    return tuple(parts)


def _video_segment(
    plan: EncodingPlan, rendition: VideoRendition, number: int, frame: int, count: int
) -> SegmentFacts:
    name = f"{number:05d}.m4s"
    shown = -(-count // rendition.frame_step)
    size = round(count / float(plan.frame_rate.fraction) * rendition.max_bitrate * SHARE / 8)
    keys = range(0, count, plan.keyframe_interval)
    return SegmentFacts(
        name=name,
        size=size,
        sha256=digest(rendition.name + name),
        decode_time=frame * plan.frame_ticks,
        duration=shown * rendition.frame_step * plan.frame_ticks,
        sample_count=shown,
        starts_with_sync=True,
        key_frames=tuple(
            KeyFrame(24 + size * place // len(keys), size // 10, (frame + key) * plan.frame_ticks)
            for place, key in enumerate(keys)
        ),
    )


def audio_parts(
    plan: EncodingPlan, track: AudioTrack, rendition: AudioRendition
) -> tuple[Part, ...]:
    length = SAMPLES[rendition.codec]
    init = InitFacts(
        name="init.mp4",
        size=700,
        sha256=digest(rendition.name),
        codec="mp4a.40.2" if rendition.codec is AudioCodec.AAC else "opus",
        timescale=rendition.sample_rate,
        width=0,
        height=0,
        channels=rendition.channels,
        sample_rate=rendition.sample_rate,
    )
    frames = -(-track.sample_count // length)
    bounds = [
        round(number * plan.segment_duration * rendition.sample_rate / length)
        for number in range(plan.segment_count)
    ]
    bounds = [first for first in dict.fromkeys(bounds) if first < frames] + [frames]
    segments = tuple(
        SegmentFacts(
            name=f"{number:05d}.m4s",
            size=(end - first) * length * rendition.bitrate // (8 * rendition.sample_rate),
            sha256=digest(f"{rendition.name}{number}"),
            decode_time=first * length,
            duration=(end - first) * length,
            sample_count=end - first,
            starts_with_sync=True,
        )
        for number, (first, end) in enumerate(pairwise(bounds))
    )
    return (Part(name=part_name(0, 1), facts=PartFacts(init=init, segments=segments)),)


def subtitle_parts(plan: EncodingPlan, track: SubtitleTrack) -> tuple[Part, ...]:
    segments = []
    for number in range(plan.segment_count):
        first = number * plan.segment_frames
        frames = min(plan.segment_frames, plan.frame_count - first)
        segments.append(
            SegmentFacts(
                name=f"{number:05d}.vtt",
                size=100,
                sha256=digest(f"{track.name}{number}"),
                decode_time=first * plan.frame_ticks,
                duration=frames * plan.frame_ticks,
                sample_count=0,
                starts_with_sync=True,
            )
        )
    return (Part(name=part_name(0, 1), facts=PartFacts(init=None, segments=tuple(segments))),)


def transport_parts(twins: Sequence[Part]) -> tuple[Part, ...]:
    parts = []
    for twin in twins:
        segments = tuple(
            msgspec.structs.replace(
                one,
                name=one.name.replace(".m4s", ".ts"),
                size=one.size + 188,
                sha256=digest("ts" + one.sha256),
            )
            for one in twin.facts.segments
        )
        parts.append(Part(name=twin.name, facts=PartFacts(init=None, segments=segments)))
    return tuple(parts)


def all_parts(
    plan: EncodingPlan, sidecars: Sequence[SubtitleTrack] = ()
) -> dict[str, tuple[Part, ...]]:
    parts = {one.name: video_parts(plan, one) for one in plan.video}
    sounds = {
        one.name: audio_parts(plan, track, one) for track in plan.audio for one in track.renditions
    }
    texts = {one.name: subtitle_parts(plan, one) for one in (*plan.subtitles, *sidecars)}
    twins = {}
    if plan.transport_stream:
        plain = [
            *(
                one.name
                for one in plan.video
                if (one.codec, one.video_range) == (VideoCodec.H264, VideoRange.SDR)
            ),
            *(name for name in sounds if name.startswith("aac")),
            *texts,
        ]
        twins = {
            transport_name(name): transport_parts((parts | sounds | texts)[name]) for name in plain
        }
    return parts | sounds | texts | twins


def with_segment(parts: Sequence[Part], part: int, segment: int, **changes: object) -> list[Part]:
    """`parts` with other facts of one segment."""
    changed = list(parts)
    segments = list(parts[part].facts.segments)
    segments[segment] = msgspec.structs.replace(segments[segment], **changes)
    facts = msgspec.structs.replace(parts[part].facts, segments=tuple(segments))
    changed[part] = msgspec.structs.replace(parts[part], facts=facts)
    return changed


def with_init(parts: Sequence[Part], part: int, **changes: object) -> list[Part]:
    """`parts` with other facts of one init segment."""
    changed = list(parts)
    init = parts[part].facts.init
    assert init is not None
    facts = msgspec.structs.replace(
        parts[part].facts, init=msgspec.structs.replace(init, **changes)
    )
    changed[part] = msgspec.structs.replace(parts[part], facts=facts)
    return changed
