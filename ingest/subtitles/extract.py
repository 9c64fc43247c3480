"""Subtitles out of a source: one pass of ffmpeg for all tracks, then cut into segments."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import ffmpeg

from common import logs
from ingest.package.facts import PartFacts
from ingest.package.layout import TRANSPORT_PREFIX
from ingest.plan.model import EncodingPlan, SubtitleTrack
from ingest.subtitles.cues import Cue, shifted
from ingest.subtitles.errors import SubtitlesInvalid, SubtitlesTooLarge
from ingest.subtitles.parse import parse_subtitles
from ingest.subtitles.segments import cut
from ingest.transcode import transport
from ingest.transcode.command import Command
from ingest.transcode.settings import TranscodeSettings

DECODERS: Final = ("subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text")
"""Of subtitles that are text: all that run here."""

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of a track as WebVTT. Subtitles in ASS may draw, and what is not text of that is long."""

CLOCK: Final = 90_000
"""Units per second of X-TIMESTAMP-MAP (RFC 8216 §3.5)."""

_log = logs.get(__name__)


def clocks(plan: EncodingPlan) -> tuple[tuple[str, int], ...]:
    """What each track is made for: what its name begins with, and what the clock of the video,
    90,000 a second, shows at its start.
    """
    twins = ((TRANSPORT_PREFIX, transport.START * CLOCK),) if plan.transport_stream else ()
    return (("", 0), *twins)


async def extract_subtitles(
    run: Callable[[Command], Awaitable[None]],
    plan: EncodingPlan,
    source: Path,
    folder: Path,
    settings: TranscodeSettings,
) -> dict[str, PartFacts]:
    """The segments of the plan's subtitles, each track in a folder of its name in ``folder``, and
    its twin for transport streams in another.

    A track that is no good is left out, with a word in the log: the video is worth more than that.

    Raises:
        EncodeFailed: the source cannot be read; so does whatever ``run`` raises.
    """
    if not plan.subtitles:
        return {}
    await run(command(plan, source, folder, settings))
    return await asyncio.to_thread(_cut, plan, folder)


def command(plan: EncodingPlan, source: Path, folder: Path, settings: TranscodeSettings) -> Command:
    """What writes each track of ``plan`` as WebVTT, in the source's own times."""
    opened = ffmpeg.input(
        f"file:{source.absolute()}",
        f=plan.source.container.partition(",")[0],
        protocol_whitelist="file",
        format_whitelist=plan.source.container,
        codec_whitelist=",".join(DECODERS),
        threads=settings.threads,
    )
    outputs: list[Any] = [
        opened[str(track.index)].output(_file(track), f="webvtt", **{"c:s": "webvtt"})
        for track in plan.subtitles
    ]
    # Subtitles may be silent for an hour; how far the reading is, the sound tells.
    heard = plan.audio[0].index if plan.audio else plan.source.video_index
    outputs.append(opened[str(heard)].output("-", f="null", c="copy"))
    stream = ffmpeg.merge_outputs(*outputs).global_args(
        *("-nostdin", "-hide_banner", "-y"),
        *("-loglevel", "error"),
        *("-progress", "pipe:1", "-nostats"),
        "-copyts",
    )
    return Command(
        arguments=tuple(stream.compile()[1:]),
        folder=folder,
        subfolders=(),
        seconds=plan.duration,
        reads=(source,),
        makes=tuple(_file(track) for track in plan.subtitles),
    )


def _cut(plan: EncodingPlan, folder: Path) -> dict[str, PartFacts]:
    made = {}
    for track in plan.subtitles:
        file = folder / _file(track)
        try:
            if file.stat().st_size > MOST_BYTES:
                raise SubtitlesTooLarge(limit=MOST_BYTES)
            cues = parse_subtitles(file.read_bytes(), most_bytes=MOST_BYTES)
            # What is said on the source's clock, on that of the video.
            cues = shifted(cues, round(-plan.source.origin * 1000))
            for prefix, start in clocks(plan):
                made[prefix + track.name] = _written(
                    cues, plan, folder / (prefix + track.name), start
                )
        except SubtitlesInvalid as error:
            _log.warning("subtitles are left out", track=track.name, because=str(error))
        finally:
            file.unlink()
    return made


def _written(cues: tuple[Cue, ...], plan: EncodingPlan, folder: Path, start: int) -> PartFacts:
    folder.mkdir()
    segments = []
    for facts, body in cut(cues, plan, start=start):
        (folder / facts.name).write_bytes(body)
        segments.append(facts)
    return PartFacts(init=None, segments=tuple(segments))


def _file(track: SubtitleTrack) -> str:
    return f"{track.name}.vtt"
