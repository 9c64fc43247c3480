"""What ffmpeg is told: one command for a chunk's pictures in a group of renditions."""

from pathlib import Path
from typing import Any

from common.hls import VideoRange
from ingest.package.layout import segment_name
from ingest.plan.model import Chunk, EncodeGroup, EncodingPlan, VideoCodec, VideoRendition
from ingest.transcode import picture
from ingest.transcode.command import Command
from ingest.transcode.encoders import video_encoder
from ingest.transcode.inputs import Options, arguments, frames
from ingest.transcode.outputs import video_segments, video_target
from ingest.transcode.settings import TranscodeSettings


def video_chunk(
    plan: EncodingPlan,
    group: EncodeGroup,
    chunk: Chunk,
    source: Path,
    folder: Path,
    settings: TranscodeSettings,
) -> Command:
    """Decode once, encode ``chunk`` in every rendition of ``group``.

    In ``folder``, each rendition gets a folder of its name with its init segment and the segments,
    numbered on from the chunk's first.
    """
    renditions = [plan.rendition(name) for name in group.renditions]
    branches = _branches(frames(plan, chunk, source, settings), plan, renditions)
    outputs = [
        branch.output(
            video_target(rendition),
            **video_encoder(plan, rendition, settings),
            **_begun(rendition, chunk),
            **{"frames:v": plan.frames_of(rendition, chunk)},
            # Frames leave the filters on the grid; nobody downstream is to second-guess it.
            fps_mode="passthrough",
            **video_segments(plan, rendition, chunk),
        )
        for rendition, branch in zip(renditions, branches, strict=True)
    ]
    last = segment_name(chunk.first_segment + chunk.segment_count - 1)
    return Command(
        arguments=arguments(*outputs),
        folder=folder,
        subfolders=group.renditions,
        seconds=float(chunk.frame_count / plan.frame_rate.fraction),
        reads=(source,),
        makes=tuple(f"{name}/{last}" for name in group.renditions),
        frames=plan.frames_of(renditions[0], chunk),
    )


def _begun(rendition: VideoRendition, chunk: Chunk) -> Options:
    """Options of x264 for a chunk that goes on: a decoder's buffer is about half full there.

    As at the start of a video x264 would take it to be nearly full, and spend that anew on every
    chunk: renditions at their cap became 3 % larger, and higher than their cap where chunks meet.
    """
    if chunk.index == 0 or rendition.codec is not VideoCodec.H264:
        return {}
    return {"rc_init_occupancy": rendition.buffer_size // 2}


def _branches(grid: Any, plan: EncodingPlan, renditions: list[VideoRendition]) -> list[Any]:
    """Frames for each of ``renditions``; what those of one range share is done once."""
    ranges = list(dict.fromkeys(one.video_range for one in renditions))
    stems = _split(grid, len(ranges))
    waiting: dict[VideoRange, list[Any]] = {}
    for video_range, trunk in zip(ranges, stems, strict=True):
        alike = [one for one in renditions if one.video_range is video_range]
        largest = max(alike, key=lambda one: one.width * one.height)
        made = picture.stem(trunk, plan, video_range, largest.width, largest.height)
        waiting[video_range] = _split(made, len(alike))
    return [
        picture.rendered(waiting[rendition.video_range].pop(0), plan, rendition)
        for rendition in renditions
    ]


def _split(stream: Any, count: int) -> list[Any]:
    if count == 1:
        return [stream]
    parts = stream.filter_multi_output("split", count)
    return [parts[number] for number in range(count)]
