"""Read a file from end to end with PyAV and tell what is in it. Runs in the confined process."""

from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NoReturn

import av
import av.error
from av.audio.stream import AudioStream as DemuxedAudio
from av.container import InputContainer
from av.subtitles.stream import SubtitleStream as DemuxedSubtitles
from av.video.stream import VideoStream as DemuxedVideo

from ingest.inspect import allowance, pictures, rules, tracks, wholeness
from ingest.inspect.containers import INDEXED, opened
from ingest.inspect.errors import (
    FileDamaged,
    FileEmpty,
    FileTruncated,
    FrameRateTooHigh,
    StreamsTooMany,
    VideoUndecodable,
)
from ingest.inspect.headers import First, codec_name, first_frame, judge, seen_stream
from ingest.inspect.limits import MediaLimits
from ingest.inspect.media import AudioStream, MediaInfo, Rational, VideoStream
from ingest.inspect.rates import frame_rate

MISSING_SHARE: Final = 0.02
MISSING_SECONDS: Final = 1.0
"""A file that ends this much before its promised end was cut; less is how muxers round."""

DAMAGED_SHARE: Final = 0.1
"""Of a video shorter than ten seconds that may not be all there; of longer ones it is as much as
may be missing. What a broadcast loses on its way is concealed."""

DOUBTFUL: Final = 4
"""Packets from a damaged one on before which times may be missing: it is told too early."""

LONGEST_LAST: Final = 10.0
"""Seconds that the last frame of a slow video is shown at most, whatever is told."""

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
        self.lost = 0
        self.doubtful = 0
        self.ends_damaged = False
        self.decoded: int | None = None
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
        self._note_damage(packet)
        if packet.is_discard:
            return
        self.exact = self.exact and packet.pts is not None
        if not self.times or time > self.times[-1]:
            self.last_duration = packet.duration or 0
        self.times.append(time)

    def _note_damage(self, packet: "av.Packet[Any]") -> None:
        """Count what is lost: packets that are not all there, and times missing beside them."""
        time = packet.dts if packet.dts is not None else packet.pts
        length = packet.duration or 0
        if packet.is_corrupt:
            self.damaged += 1
            self.lost += length
            self.doubtful = DOUBTFUL
        if self.doubtful and time is not None and self.decoded is not None:
            self.lost += max(0, abs(time - self.decoded) - length)
        self.doubtful -= self.doubtful > 0
        self.ends_damaged = packet.is_corrupt
        self.decoded = time if time is not None else self.decoded

    @property
    def end(self) -> float:
        """When the last of what is shown ends."""
        return self.seconds(self.times[-1] + self.last_duration)

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
    texts = list(container.streams.subtitles)
    timelines = _demux(container, [video, *audio, *texts], limits)
    timeline = timelines[video.index]
    _require_undamaged(video, timeline)
    if not timeline.times or not timeline.time_base:
        raise VideoUndecodable(reason="no frame of it has a time")
    video_stream = _video(video, first, timeline)
    audio_streams = tuple(
        _audio(stream, timelines[stream.index]) for stream in audio if timelines[stream.index].times
    )
    starts = [video_stream.first_timestamp] + [one.first_timestamp for one in audio_streams]
    ends = [video_stream.end_timestamp] + [one.end_timestamp for one in audio_streams]
    # Words may stand longer than the picture; nothing else comes of that.
    last_words = [timelines[one.index].end for one in texts if timelines[one.index].times]
    # Of a file that ends within a packet, nothing may be missing.
    spare = 0.0 if timeline.ends_damaged else MISSING_SECONDS
    _require_promised_end(container, max([*ends, *last_words]), spare)
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
    container: InputContainer,
    streams: list[DemuxedVideo | DemuxedAudio | DemuxedSubtitles],
    limits: MediaLimits,
) -> dict[int, _Timeline]:
    timelines = {stream.index: _Timeline(Fraction(stream.time_base or 0)) for stream in streams}
    video = timelines[streams[0].index]
    most = int(limits.max_seconds * limits.max_frame_rate) + FRAMES_TO_SPARE
    for _ in range(limits.max_streams):
        try:
            for packet in container.demux(*streams):
                timelines[packet.stream.index].add(packet)
                if len(video.times) > most:
                    _refuse_for_count(video, limits)
        except IndexError:
            # A stream that begins later is unknown to PyAV, which goes on behind its packet.
            continue
        except av.error.FFmpegError as error:
            raise FileDamaged(reason=str(error.strerror)) from error
        return timelines
    raise StreamsTooMany(limit=limits.max_streams)


def _refuse_for_count(video: _Timeline, limits: MediaLimits) -> NoReturn:
    """Refuse a video that has more frames than one within the limits can have."""
    span = video.seconds(max(video.times) - min(video.times))
    rules.require_length(span, limits)
    raise FrameRateTooHigh(rate=len(video.times) / (span or 1.0), limit=limits.max_frame_rate)


def _require_undamaged(stream: DemuxedVideo, timeline: _Timeline) -> None:
    """Refuse a video of which the demuxer marks more as not all there than can be concealed."""
    if timeline.ends_damaged and stream.frames > len(timeline.times):
        raise FileTruncated(reason="the last packet of its video is not all there")
    if not timeline.damaged:
        return
    span = timeline.seconds(max(timeline.times) - min(timeline.times)) if timeline.times else 0.0
    lost = timeline.seconds(timeline.lost)
    most = max(MISSING_SHARE * span, min(MISSING_SECONDS, DAMAGED_SHARE * span))
    if lost > most:
        raise FileDamaged(
            reason=f"{lost:.1f} of {max(span, lost):.1f} seconds of its video are not all there"
        )


def _video(stream: DemuxedVideo, first: First, timeline: _Timeline) -> VideoStream:
    frame = first.frame
    times = sorted(timeline.times)
    claims = (stream.average_rate, stream.base_rate, stream.guessed_rate)
    rate, constant = frame_rate(times, timeline.time_base, claims)
    last_frame = min(1 / rate, _longest_last(timeline)) if constant else _last_frame(timeline, rate)
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


def _longest_last(timeline: _Timeline) -> Fraction:
    """Seconds that the last frame of an even video is shown at most."""
    told = float(timeline.last_duration * timeline.time_base)
    return Fraction(max(1.0, min(told, LONGEST_LAST)))


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
        end_timestamp=timeline.end,
        language=tracks.language(stream.language),
        title=tracks.title(stream),
        default=tracks.prefers(stream),
    )


def _require_promised_end(container: InputContainer, end: float, spare: float) -> None:
    if container.duration is None:
        return
    start = (container.start_time or 0) / av.time_base
    promised = container.duration / av.time_base
    # Matroska counts from 0, the others from the start.
    missing = promised - max(end, end - start)
    if missing > max(spare, MISSING_SHARE * promised):
        raise FileTruncated(
            reason=f"its header promises {promised:.1f} seconds, and {missing:.1f} are missing"
        )
