"""One encode task, carried out: a chunk of the video in a group of renditions, or a track."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from ingest.package.layout import transport_name
from ingest.plan.model import AudioCodec, AudioTrack, Chunk, EncodeGroup, EncodingPlan
from ingest.transcode import fragments, loudness, outputs, sound, transport
from ingest.transcode.command import Command
from ingest.transcode.commands import video_chunk
from ingest.transcode.settings import TranscodeSettings

Run = Callable[[Command], Awaitable[None]]
"""Runs one command of ffmpeg, as ``ingest.transcode.runner.run`` does."""

MEASURED: Final = 0.3
"""The share of a track's task that measuring its loudness is; the rest is encoding."""

BEFORE_TWINS: Final = 0.98
"""The share of a task that is done when all is encoded, where copies of it are made then."""


async def encode_chunk(
    run: Run,
    plan: EncodingPlan,
    group: EncodeGroup,
    chunk: Chunk,
    source: Path,
    folder: Path,
    settings: TranscodeSettings,
) -> tuple[str, ...]:
    """Encode ``chunk`` in every rendition of ``group``, each into a folder of its name.

    Returns the names of the folders: the renditions, and their twins in transport streams where
    the plan has them.

    Raises:
        EncodeFailed: the source cannot be encoded; and whatever else ``run`` raises.
        PartInvalid: what was written is not what the encoder was told to write.
    """
    command = video_chunk(plan, group, chunk, source, folder, settings)
    await run(replace(command, until=BEFORE_TWINS if plan.transport_stream else 1.0))
    counts = tuple(-(-n // plan.keyframe_interval) for n in plan.segment_frame_counts(chunk))
    for name in group.renditions:
        await asyncio.to_thread(fragments.settle, folder / name, chunk.first_segment, counts)
    cuts = {
        rendition.name: outputs.cuts(plan, rendition, chunk)
        for rendition in map(plan.rendition, group.renditions)
        if transport.has_twin(plan, rendition)
    }
    seconds = float(chunk.frame_count / plan.frame_rate.fraction)
    groups = plan.segment_frames // plan.keyframe_interval
    twins = await _copy(run, folder, cuts, chunk.first_segment, seconds, groups)
    return group.renditions + twins


async def encode_track(
    run: Run,
    plan: EncodingPlan,
    track: AudioTrack,
    source: Path,
    folder: Path,
    settings: TranscodeSettings,
) -> tuple[str, ...]:
    """Encode ``track`` in all of its renditions, as loud as the plan says. As ``encode_chunk``."""
    needed = loudness.Correction(gain=0.0, limited=False)
    if track.loudness is not None:
        command = sound.measurement(plan, track, source, folder, settings)
        await run(replace(command, until=MEASURED))
        measured = await asyncio.to_thread(sound.measured, folder)
        needed = loudness.correction(measured, track.loudness)
    command = sound.encode(plan, track, needed, source, folder, settings)
    await run(replace(command, until=BEFORE_TWINS if plan.transport_stream else 1.0))
    names = tuple(rendition.name for rendition in track.renditions)
    cuts = {}
    for rendition in track.renditions:
        if plan.transport_stream and rendition.codec is AudioCodec.AAC:
            playlist = folder / outputs.audio_target(rendition.name)
            text = await asyncio.to_thread(playlist.read_text)
            cuts[rendition.name] = transport.sound_cuts(text, rendition.sample_rate)
    return names + await _copy(run, folder, cuts, 0, track.sample_count / sound.SAMPLE_RATE, 1)


async def _copy(
    run: Run,
    folder: Path,
    cuts: dict[str, list[int]],
    first_segment: int,
    seconds: float,
    groups: int,
) -> tuple[str, ...]:
    """Copy what ``cuts`` names into transport streams, with tables before each of ``groups`` key
    frames of a segment; the folders' names."""
    if not cuts:
        return ()
    segments = {
        name: range(first_segment, first_segment + len(frames) + 1) for name, frames in cuts.items()
    }
    for name, numbers in segments.items():
        await asyncio.to_thread(transport.write_list, folder, name, numbers)
    await run(transport.copy(folder, cuts, first_segment, seconds))
    for name, numbers in segments.items():
        twin = folder / transport_name(name)
        await asyncio.to_thread(transport.settle, twin, numbers, groups)
    return tuple(map(transport_name, cuts))
