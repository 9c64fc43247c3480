"""What a file's headers claim, judged before any of it is decoded, and its first frame."""

import itertools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import av
import av.error
import av.logging
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.inspect import rules
from ingest.inspect.containers import ISO_MEDIA, MATROSKA
from ingest.inspect.errors import (
    InspectionTooCostly,
    PictureTooLarge,
    VideoMissing,
    VideoUndecodable,
)
from ingest.inspect.limits import MediaLimits
from ingest.inspect.pictures import TELLS_FIELDS

TIMED: Final = frozenset({ISO_MEDIA, MATROSKA, "avi", "flv", "asf", "mxf"})
"""Demuxers of files that say how long they last; of others FFmpeg guesses it from the bit rate."""

WORDS_READ: Final = 1000
"""Complaints of a decoder that are looked at for its reason."""

UNNAMED: Final = "unknown"

FRAMES_FOR_FIELDS: Final = 50
"""Frames in which a video that claims to be interlaced must once be it: where none is, it was
recorded in two fields of one moment."""

MIXING: Final = "mpeg2video"
"""The codec of DVDs, which go from progressive to interlaced and back, and claim what comes first.
"""

TOO_MANY_PIXELS: Final = re.compile(r"size (\d+)x(\d+) exceeds specified max pixel count")


class First(NamedTuple):
    """What the first frames of a video show."""

    frame: VideoFrame
    """The first that can be decoded."""
    interlaced: bool


def judge(container: InputContainer, limits: MediaLimits) -> None:
    """Refuse a file whose headers claim more than ``limits``. What they do not say passes.

    Raises:
        UploadRefused: as ``ingest.inspect.rules`` has it; VideoMissing.
    """
    rules.require_streams(len(container.streams), limits)
    seen = seen_stream(container)
    rules.require_codec("Video", [codec_name(seen)], limits.video_codecs)
    for video in container.streams.video:
        context = video.codec_context
        if context is not None and context.width and context.height:
            rules.require_picture(context.width, context.height, limits)
    sound = list(container.streams.audio)
    rules.require_codec("Sound", map(codec_name, sound), limits.audio_codecs)
    for stream in sound:
        if codec_name(stream) in limits.audio_codecs and stream.sample_rate and stream.channels:
            rules.require_sound(stream.channels, stream.sample_rate, limits)
    if container.duration is not None and container.format.name in TIMED:
        # Matroska counts from 0, whenever its recording begins.
        begun = container.start_time or 0 if container.format.name == MATROSKA else 0
        rules.require_length((container.duration - max(0, begun)) / av.time_base, limits)
    if container.format.name == ISO_MEDIA and seen.frames and seen.duration and seen.time_base:
        # Other containers round times too much, or guess.
        rules.require_rate(float(seen.frames / (seen.duration * seen.time_base)), limits)


def seen_stream(container: InputContainer) -> VideoStream:
    """The video stream that the file prefers, or else the first, of those that are no covers."""
    videos = [one for one in container.streams.video if not _is_cover(one)]
    if not videos:
        raise VideoMissing
    return next((one for one in videos if one.disposition & Disposition.default), videos[0])


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def codec_name(stream: Stream) -> str:
    """FFmpeg's name for the codec of ``stream``, whichever decoder it has."""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else UNNAMED


def first_frame(container: InputContainer, limits: MediaLimits) -> First:
    """The first frame of the video that can be decoded, and whether the video is interlaced.

    Raises:
        PictureTooLarge, PictureTooSmall: the frame is not what the headers claim.
        VideoUndecodable: there is none.
    """
    video = seen_stream(container)
    context = video.codec_context
    # Of use before there is a picture: the decoder asks for no memory that this forbids.
    context.options = {"max_pixels": str(limits.max_side**2)}
    context.thread_count = 1
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture(local=False) as complaints:
        try:
            frames = container.decode(video)
            frame = _first(frames)
        except VideoUndecodable:
            _require_pixels(complaints[:WORDS_READ], limits)
            raise
        finally:
            av.logging.set_level(None)
    rules.require_picture(frame.width, frame.height, limits)
    doubtful = context.field_order in TELLS_FIELDS or codec_name(video) == MIXING
    return First(frame, frame.interlaced_frame or (doubtful and _shows_fields(frames)))


def _first(frames: Iterator[VideoFrame]) -> VideoFrame:
    try:
        for frame in frames:
            return frame
    except (av.error.MemoryError, MemoryError) as error:
        raise InspectionTooCostly(what="memory") from error
    except (av.error.FFmpegError, RuntimeError) as error:
        raise VideoUndecodable(reason=_reason(error)) from error
    raise VideoUndecodable(reason="it has no frames")


def _shows_fields(frames: Iterator[VideoFrame]) -> bool:
    try:
        return any(frame.interlaced_frame for frame in itertools.islice(frames, FRAMES_FOR_FIELDS))
    except (av.error.FFmpegError, RuntimeError, MemoryError):
        # Whether the rest can be decoded is for the encode to find out.
        return False


def _reason(error: Exception) -> str:
    # Some decoders answer -1, which happens to be the number of a mistake that it is not.
    if isinstance(error, av.error.PermissionError):
        return "its data are not what its codec has"
    return getattr(error, "strerror", None) or str(error)


def _require_pixels(complaints: list[tuple[int, str, str]], limits: MediaLimits) -> None:
    for _, _, words in complaints:
        if found := TOO_MANY_PIXELS.search(words):
            width, height = (int(side) for side in found.groups())
            raise PictureTooLarge(width=width, height=height, limit=limits.max_side)
