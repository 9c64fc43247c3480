"""Parts as a faultless encode of a plan would have measured them."""

import hashlib

import msgspec

from ingest.package import InitFacts, Part, PartFacts, SegmentFacts, part_name
from ingest.plan import EncodingPlan, VideoRendition

BYTES_PER_SECOND = 1000


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def video_parts(plan: EncodingPlan, rendition: VideoRendition) -> tuple[Part, ...]:
    init = InitFacts(
        name="init.mp4",
        size=800,
        sha256=digest(rendition.name),
        codec="avc1.64001f",
        timescale=plan.timescale,
        width=rendition.width,
        height=rendition.height,
        channels=0,
        sample_rate=0,
    )
    parts = []
    for chunk in plan.chunks:
        segments = []
        frame = chunk.first_frame
        for offset, count in enumerate(plan.segment_frame_counts(chunk)):
            name = f"{chunk.first_segment + offset:05d}.m4s"
            segments.append(
                SegmentFacts(
                    name=name,
                    size=rendition.height * BYTES_PER_SECOND,
                    sha256=digest(rendition.name + name),
                    decode_time=frame * plan.frame_ticks,
                    duration=count * plan.frame_ticks,
                    sample_count=count,
                    starts_with_sync=True,
                )
            )
            frame += count
        facts = PartFacts(init=init, segments=tuple(segments))
        parts.append(Part(name=part_name(chunk.index, 1), facts=facts))
    return tuple(parts)


def audio_parts(plan: EncodingPlan) -> tuple[Part, ...]:
    assert plan.audio is not None
    init = InitFacts(
        name="init.mp4",
        size=700,
        sha256=digest("audio"),
        codec="mp4a.40.2",
        timescale=plan.audio.sample_rate,
        width=0,
        height=0,
        channels=2,
        sample_rate=plan.audio.sample_rate,
    )
    frames = -(-plan.audio.sample_count // 1024) + 1
    per_segment = -(-int(plan.segment_duration * plan.audio.sample_rate) // 1024)
    segments = tuple(
        SegmentFacts(
            name=f"{number:05d}.m4s",
            size=96_000,
            sha256=digest(f"audio{number}"),
            decode_time=first * 1024,
            duration=min(per_segment, frames - first) * 1024,
            sample_count=min(per_segment, frames - first),
            starts_with_sync=True,
        )
        for number, first in enumerate(range(0, frames, per_segment))
    )
    return (Part(name=part_name(0, 1), facts=PartFacts(init=init, segments=segments)),)


def all_parts(plan: EncodingPlan) -> dict[str, tuple[Part, ...]]:
    parts = {rendition.name: video_parts(plan, rendition) for rendition in plan.video}
    if plan.audio is not None:
        parts[plan.audio.name] = audio_parts(plan)
    return parts


def with_segment(parts: tuple[Part, ...], part: int, segment: int, **changes: object) -> list[Part]:
    """`parts` with other facts of one segment."""
    changed = list(parts)
    segments = list(parts[part].facts.segments)
    segments[segment] = msgspec.structs.replace(segments[segment], **changes)
    facts = msgspec.structs.replace(parts[part].facts, segments=tuple(segments))
    changed[part] = msgspec.structs.replace(parts[part], facts=facts)
    return changed


def with_init(parts: tuple[Part, ...], part: int, **changes: object) -> list[Part]:
    """`parts` with other facts of one init segment."""
    changed = list(parts)
    init = msgspec.structs.replace(parts[part].facts.init, **changes)
    facts = msgspec.structs.replace(parts[part].facts, init=init)
    changed[part] = msgspec.structs.replace(parts[part], facts=facts)
    return changed
