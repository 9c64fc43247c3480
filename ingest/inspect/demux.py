"""Read a file from end to end with PyAV and tell what is in it. Runs in the confined process."""

from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NoReturn

import av
import av.error
from av.audio.stream import AudioStream as DemuxedAudio
from av.container import InputContainer
from av.video.stream import VideoStream as DemuxedVideo

from ingest.inspect import allowance, pictures, rules, tracks, wholeness
from ingest.inspect.containers import INDEXED, opened
from ingest.inspect.errors import (
    FileDamaged,
    FileEmpty,
    FileTruncated,
    FrameRateTooHigh,
    VideoUndecodable,
)
from ingest.inspect.headers import First, codec_name, first_frame, judge, seen_stream
from ingest.inspect.limits import MediaLimits
from ingest.inspect.media import AudioStream, MediaInfo, Rational, VideoStream
from ingest.inspect.rates import frame_rate

MISSING_SHARE: Final = 0.02
MISSING_SECONDS: Final = 1.0
"""A file that ends this much before its promised end was cut; less is how muxers round."""

QUARTER_TURN: Final = 90

FRAMES_TO_SPARE: Final = 1000
"""Frames over the most that any taken video has, after which counting ends."""


class _Timeline:
    """The presentation times of one stream, in its own units."""

    def __init__(self, time_base: Fraction) -> None:
        self.time_base = time_base
        self.times = array("q")
        self.last_duration = 0
        self.exact = True
        self.damaged = 0
        self.whole_since = 0
        self.starts_with_key: bool | None = None
        self.key_delay = 0

    def add(self, packet: "av.Packet[Any]") -> None:
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            return
        if self.starts_with_key is None:
            self.starts_with_key = packet.is_keyframe
        if packet.is_keyframe and packet.pts is not None and packet.dts is not None:
            self.key_delay = max(self.key_delay, packet.pts - packet.dts)
        self.damaged += packet.is_corrupt
        self.whole_since = 0 if packet.is_corrupt else self.whole_since + 1
        if packet.is_discard:
            return
        self.exact = self.exact and packet.pts is not None
        if not self.times or time > self.times[-1]:
            self.last_duration = packet.duration or 0
        self.times.append(time)

    def seconds(self, time: int) -> float:
        return float(time * self.time_base)


def read(path: Path, limits: MediaLimits) -> MediaInfo:
    """What is in the file at ``path``, which is within ``limits``.

    What costs least comes first: the headers are judged before anything is decoded, one frame is
    decoded before the rest of the file is read.

    Raises:
        UploadRefused: one of its classes for each way in which the file is no good.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if not file.read(1):
            raise FileEmpty
    size = path.stat().st_size
    rules.require_size(size, limits)
    allowance.for_size(size)
    if wholeness.looks_like_iso_media(path):
        wholeness.require_whole(path)
    with allowance.for_headers():
        container = opened(path)
    with container:
        judge(container, limits)
        first = first_frame(container, limits)
    # Opened anew, with decoders: they tell times that containers do not, and where streams begin.
    with opened(path, decoders=_decoders(limits), most_pixels=limits.max_side**2) as container:
        judge(container, limits)
        media = _describe(container, path, first, limits)
    rules.validate(media, limits)
    return media


def _decoders(limits: MediaLimits) -> set[str]:
    """The names of the decoders for the codecs that are taken."""
    names = set()
    for codec in (*limits.video_codecs, *limits.audio_codecs):
        try:
            names |= {codec, av.Codec(codec, "r").name}
        except ValueError:
            # An operator may name a codec that only another build knows.
            continue
    return names


def _describe(
    container: InputContainer, path: Path, first: First, limits: MediaLimits
) -> MediaInfo:
    video = seen_stream(container)
    audio = [
        stream
        for stream in container.streams.audio
        # Streams without parameters are announced by a header and never come.
        if codec_name(stream) in limits.audio_codecs and stream.codec_context.sample_rate
    ]
    timelines = _demux(container, [video, *audio], limits)
    timeline = timelines[video.index]
    _require_undamaged(timeline)
    if not timeline.times or not timeline.time_base:
        raise VideoUndecodable(reason="no frame of it has a time")
    video_stream = _video(video, first, timeline)
    audio_streams = tuple(
        _audio(stream, timelines[stream.index]) for stream in audio if timelines[stream.index].times
    )
    starts = [video_stream.first_timestamp] + [one.first_timestamp for one in audio_streams]
    ends = [video_stream.end_timestamp] + [one.end_timestamp for one in audio_streams]
    _require_promised_end(container, max(ends))
    return MediaInfo(
        container=container.format.name,
        byte_size=path.stat().st_size,
        duration=max(ends) - min(starts),
        seekable=container.format.name in INDEXED and bool(timeline.starts_with_key),
        video=video_stream,
        audio=audio_streams,
        subtitles=tracks.subtitles(container),
    )


def _demux(
    container: InputContainer, streams: list[DemuxedVideo | DemuxedAudio], limits: MediaLimits
) -> dict[int, _Timeline]:
    timelines = {stream.index: _Timeline(Fraction(stream.time_base or 0)) for stream in streams}
    video = timelines[streams[0].index]
    most = int(limits.max_seconds * limits.max_frame_rate) + FRAMES_TO_SPARE
    try:
        for packet in container.demux(*streams):
            timelines[packet.stream.index].add(packet)
            if len(video.times) > most:
                _refuse_for_count(video, limits)
    except av.error.FFmpegError as error:
        raise FileDamaged(reason=str(error.strerror)) from error
    return timelines


def _refuse_for_count(video: _Timeline, limits: MediaLimits) -> NoReturn:
    """Refuse a video that has more frames than one within the limits can have."""
    span = video.seconds(max(video.times) - min(video.times))
    rules.require_length(span, limits)
    raise FrameRateTooHigh(rate=len(video.times) / (span or 1.0), limit=limits.max_frame_rate)


def _require_undamaged(timeline: _Timeline) -> None:
    """Refuse a video with packets that the demuxer marks as not all there."""
    if timeline.damaged == 1 and not timeline.whole_since:
        raise FileTruncated(reason="the last packet of its video is not all there")
    if timeline.damaged:
        count = len(timeline.times)
        raise FileDamaged(
            reason=f"{timeline.damaged} of {count} packets of its video are not all there"
        )


def _video(stream: DemuxedVideo, first: First, timeline: _Timeline) -> VideoStream:
    frame = first.frame
    times = sorted(timeline.times)
    claims = (stream.average_rate, stream.base_rate, stream.guessed_rate)
    rate, constant = frame_rate(times, timeline.time_base, claims)
    last_frame = min(1 / rate, Fraction(1)) if constant else _last_frame(timeline, rate)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return VideoStream(
        index=stream.index,
        codec=stream.codec_context.codec.name,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        sample_aspect_ratio=Rational.of(Fraction(aspect)),
        rotation=round(frame.rotation / QUARTER_TURN) * QUARTER_TURN % 360,
        pixel_format=frame.format.name,
        color_primaries=int(frame.color_primaries),
        color_transfer=int(frame.color_trc),
        color_matrix=int(frame.colorspace),
        full_range=int(frame.color_range) == 2,
        frame_rate=Rational.of(rate),
        constant_frame_rate=constant,
        exact_timestamps=timeline.exact,
        frame_count=len(times),
        first_timestamp=timeline.seconds(times[0]),
        end_timestamp=float(times[-1] * timeline.time_base + last_frame),
        key_frame_delay=timeline.seconds(timeline.key_delay),
        interlaced=first.interlaced,
        mastering_display=pictures.mastering_display(frame),
        content_light=pictures.content_light(frame),
    )


def _last_frame(timeline: _Timeline, rate: Fraction) -> Fraction:
    """Seconds that the last frame is shown; a still at the end of a recording counts a second."""
    told = timeline.last_duration * timeline.time_base
    return min(told or 1 / rate, Fraction(1))


def _audio(stream: DemuxedAudio, timeline: _Timeline) -> AudioStream:
    return AudioStream(
        index=stream.index,
        codec=stream.codec_context.codec.name,
        channels=stream.codec_context.channels,
        sample_rate=stream.codec_context.sample_rate,
        first_timestamp=timeline.seconds(timeline.times[0]),
        end_timestamp=timeline.seconds(timeline.times[-1] + timeline.last_duration),
        language=tracks.language(stream.language),
        title=tracks.title(stream),
        default=tracks.prefers(stream),
    )


def _require_promised_end(container: InputContainer, end: float) -> None:
    if container.duration is None:
        return
    start = (container.start_time or 0) / av.time_base
    promised = container.duration / av.time_base
    # Matroska counts from 0, the others from the start.
    missing = promised - max(end, end - start)
    if missing > max(MISSING_SECONDS, MISSING_SHARE * promised):
        raise FileTruncated(
            reason=f"its header promises {promised:.1f} seconds, and {missing:.1f} are missing"
        )
