"""What ffmpeg is told: one command for a chunk's video, one for the audio, one for the poster.

A chunk's frames are cut on the output grid, counted in frames, so that the segments of all chunks
follow each other as if one encoder had made them: same init segment, decode times that run on.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg

from ingest.package.layout import INIT_NAME, POSTER_NAME, SEGMENT_PATTERN
from ingest.plan.model import AudioRendition, Chunk, EncodingPlan, VideoRendition
from ingest.transcode.command import Command
from ingest.transcode.settings import TranscodeSettings

MUXER_PLAYLIST: Final = "muxer.m3u8"
"""What ffmpeg's HLS muxer insists on writing; nobody reads it."""

SEEK_MARGIN: Final = 2
"""Seconds decoded ahead of a chunk, so that its first frame has all that it refers to."""

LAST_FRAMES: Final = 1
"""Seconds by which the last frame may be held, where a source's own durations are a bit short."""

RUNNING_FRAGMENTS: Final = (
    # Decode times go on from the chunk's place, not from 0.
    "frag_discont",
    # An index in each segment repeats what the playlist says.
    "skip_sidx",
    # A random-access index at the end belongs to files, not to segments.
    "skip_trailer",
)
"""Flags of the MP4 muxer for the segments of a chunk."""

Options = dict[str, Any]


def video_chunk(
    plan: EncodingPlan, chunk: Chunk, source: Path, folder: Path, settings: TranscodeSettings
) -> Command:
    """Decode once, encode ``chunk`` in every video rendition of ``plan``.

    In ``folder``, each rendition gets a folder of its name with its init segment and the segments,
    numbered on from the chunk's first.
    """
    picture = _grid(plan, chunk, source, settings)
    branches = picture.filter_multi_output("split", len(plan.video))
    outputs = [
        _picture(branches[number], rendition).output(
            f"{rendition.name}/{MUXER_PLAYLIST}",
            **_x264(plan, rendition, settings),
            **{"frames:v": chunk.frame_count},
            # Frames leave the filters on the grid; nobody downstream is to second-guess it.
            fps_mode="passthrough",
            **_segments(plan, rendition.name, chunk.first_segment),
            **_running_fragments(plan, chunk),
        )
        for number, rendition in enumerate(plan.video)
    ]
    return Command(
        arguments=_arguments(*outputs),
        folder=folder,
        subfolders=tuple(rendition.name for rendition in plan.video),
        seconds=float(chunk.frame_count / plan.frame_rate.fraction),
        reads=(source,),
        frames=chunk.frame_count,
    )


def audio(
    plan: EncodingPlan,
    rendition: AudioRendition,
    source: Path,
    folder: Path,
    settings: TranscodeSettings,
) -> Command:
    """Encode the audio of the whole source: joints between AAC encodes would be heard."""
    assert plan.source.audio_index is not None
    sound = _input(plan, source, settings)[str(plan.source.audio_index)]
    if plan.source.origin:
        sound = sound.filter("asetpts", f"PTS-{_seconds(plan.source.origin)}/TB")
    sound = (
        # Silence where the source has a hole or starts late; nothing before the picture's start.
        sound.filter("aresample", rendition.sample_rate, **{"async": 1, "first_pts": 0})
        .filter("aformat", sample_fmts="fltp", channel_layouts="stereo")
        # As long as the picture, whether the source's sound is longer or shorter.
        .filter("apad", whole_len=rendition.sample_count)
        .filter("atrim", end_sample=rendition.sample_count)
    )
    output = sound.output(
        f"{rendition.name}/{MUXER_PLAYLIST}",
        **{"c:a": "aac", "b:a": rendition.bitrate},
        **_segments(plan, rendition.name, 0),
        # Unlike a chunk's, its decode times start at 0: the muxer notes the encoder's delay in the
        # init segment's edit list.
        hls_segment_options="movflags=+skip_sidx+skip_trailer",
    )
    return Command(
        arguments=_arguments(output),
        folder=folder,
        subfolders=(rendition.name,),
        seconds=rendition.sample_count / rendition.sample_rate,
        reads=(source,),
    )


def poster(plan: EncodingPlan, source: Path, folder: Path, settings: TranscodeSettings) -> Command:
    """One picture as JPEG, in the size of the best rendition."""
    time = plan.source.origin + plan.poster_time
    if plan.source.seekable:
        picture = _input(plan, source, settings, seek=time)[str(plan.source.video_index)]
    else:
        # A seek may end behind the last key frame there is, where nothing can be decoded.
        picture = _input(plan, source, settings)[str(plan.source.video_index)]
        picture = picture.filter("trim", start=_seconds(time))
    output = _picture(picture, plan.video[0]).output(
        POSTER_NAME,
        f="image2",
        # One file, not a numbered series.
        update=1,
        **{"frames:v": 1, "c:v": "mjpeg", "q:v": 4},
        # JPEG is full range by definition; the encoder refuses a mixture silently made.
        strict="unofficial",
    )
    return Command(
        arguments=_arguments(output),
        folder=folder,
        subfolders=(),
        seconds=0.0,
        reads=(source,),
        makes=(POSTER_NAME,),
        frames=1,
    )


def _input(plan: EncodingPlan, source: Path, settings: TranscodeSettings, seek: float = 0.0) -> Any:
    options: Options = {
        # The upload was inspected as this; let no second guess open it as something else.
        "f": plan.source.container.partition(",")[0],
        # An upload must not make the encoder read another file's protocol or the network.
        "protocol_whitelist": "file",
        # Nor may what is embedded be opened as a playlist, or by a decoder that was not inspected.
        "format_whitelist": plan.source.container,
        "threads": settings.threads,
    }
    if plan.source.decoders:
        options["codec_whitelist"] = ",".join(plan.source.decoders)
    if plan.source.most_pixels:
        options["max_pixels"] = plan.source.most_pixels
    if seek > 0:
        options["ss"] = _seconds(seek)
    return ffmpeg.input(f"file:{source.absolute()}", **options)


def _grid(plan: EncodingPlan, chunk: Chunk, source: Path, settings: TranscodeSettings) -> Any:
    """The chunk's frames, exactly, with times counted in frames from the start of the video."""
    rate = plan.frame_rate.fraction
    seek = plan.source.origin + float(chunk.first_frame / rate) - SEEK_MARGIN
    picture = _input(plan, source, settings, seek if chunk.index else 0.0)[
        str(plan.source.video_index)
    ]
    if plan.source.origin:
        picture = picture.filter("setpts", f"PTS-{_seconds(plan.source.origin)}/TB")
    rate_options: Options = {"fps": f"{rate.numerator}/{rate.denominator}"}
    if chunk.first_frame == 0:
        # A picture that starts after the sound is held from the start.
        rate_options["start_time"] = 0
    picture = picture.filter("fps", **rate_options)
    end = chunk.first_frame + chunk.frame_count
    if end == plan.frame_count:
        picture = picture.filter("tpad", stop_mode="clone", stop_duration=LAST_FRAMES)
    return picture.filter("trim", start_pts=chunk.first_frame, end_pts=end)


def _picture(picture: Any, rendition: VideoRendition) -> Any:
    return (
        picture.filter("scale", rendition.width, rendition.height, out_range="tv")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )


def _x264(plan: EncodingPlan, rendition: VideoRendition, settings: TranscodeSettings) -> Options:
    return {
        "c:v": "libx264",
        "preset": settings.preset.value,
        "profile:v": "high",
        "threads": settings.threads,
        # Constant quality under a cap: each chunk finds its own bits, as one encode would.
        "crf": settings.constant_rate_factor,
        "maxrate": rendition.max_bitrate,
        "bufsize": rendition.buffer_size,
        # An IDR picture exactly every interval, in all renditions alike, and nowhere else.
        "g": plan.keyframe_interval,
        "keyint_min": plan.keyframe_interval,
        "sc_threshold": 0,
        "flags": "+cgop",
    }


def _segments(plan: EncodingPlan, name: str, first_segment: int) -> Options:
    length = plan.segment_duration
    return {
        "f": "hls",
        # Rounded down: a key frame a microsecond early would else make a segment twice as long.
        "hls_time": _seconds(Fraction(int(length * 10**6), 10**6)),
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_fmp4_init_filename": INIT_NAME,
        "hls_segment_filename": f"{name}/{SEGMENT_PATTERN}",
        "start_number": first_segment,
        # Times are right as they are; a muxer that moves the first to 0 would break the joint.
        "avoid_negative_ts": "disabled",
        "map_metadata": -1,
    }


def _running_fragments(plan: EncodingPlan, chunk: Chunk) -> Options:
    options = {
        "movflags": "".join(f"+{flag}" for flag in RUNNING_FRAGMENTS),
        # Sequence numbers of fragments rise over all chunks (ISO/IEC 14496-12 §8.8.5).
        "fragment_index": chunk.first_segment + 1,
        "video_track_timescale": plan.timescale,
    }
    text = ":".join(f"{key}={value}" for key, value in options.items())
    return {"hls_segment_options": text}


def _arguments(*outputs: Any) -> tuple[str, ...]:
    stream = ffmpeg.merge_outputs(*outputs).global_args(
        "-nostdin",
        "-hide_banner",
        "-y",
        *("-loglevel", "error"),
        *("-progress", "pipe:1"),
        "-nostats",
        # Times stay those of the source, so that every chunk counts on the same clock.
        "-copyts",
        # What cannot be read or decoded ends the encode; half a video must not pass as whole.
        "-xerror",
    )
    return tuple(stream.compile()[1:])


def _seconds(value: float | Fraction) -> str:
    return f"{float(value):.6f}"
