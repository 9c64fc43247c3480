"""Plans, as a planner would make them."""

from fractions import Fraction

from common.hls import VideoRange
from ingest.inspect.media import Rational
from ingest.plan.chunks import cut
from ingest.plan.model import (
    AudioCodec,
    AudioRendition,
    AudioTrack,
    EncodeGroup,
    EncodingPlan,
    Pictures,
    SourceInput,
    SubtitleTrack,
    VideoCodec,
    VideoRendition,
)

RUNGS = (
    (1920, 1080, 7_800_000),
    (1280, 720, 4_500_000),
    (960, 540, 2_000_000),
    (640, 360, 730_000),
    (416, 234, 145_000),
)
SHARES = {
    VideoCodec.H264: Fraction(1),
    VideoCodec.HEVC: Fraction(3, 5),
    VideoCodec.AV1: Fraction(1, 2),
}


def ladder(
    codec: VideoCodec = VideoCodec.H264,
    video_range: VideoRange = VideoRange.SDR,
    *,
    half: bool = False,
) -> tuple[VideoRendition, ...]:
    """A ladder; with `half`, its two lowest renditions have every second frame."""
    tail = "" if video_range is VideoRange.SDR else "-hdr"
    return tuple(
        VideoRendition(
            name=f"{codec}-{height}p{tail}",
            width=width,
            height=height,
            max_bitrate=int(rate * SHARES[codec]),
            buffer_size=2 * rate,
            codec=codec,
            video_range=video_range,
            frame_step=2 if half and height < 540 else 1,
        )
        for width, height, rate in RUNGS
    )


def track(
    number: int = 0,
    *,
    language: str | None = "en",
    label: str = "English",
    default: bool = True,
    rates: tuple[int, ...] = (128_000, 64_000),
    opus: tuple[int, ...] = (),
    seconds: float = 62.0,
) -> AudioTrack:
    """Track `number` of the sound, from 0."""
    tail = f"-{number + 1}" if number else ""
    wanted = [(AudioCodec.AAC, rate) for rate in rates] + [(AudioCodec.OPUS, rate) for rate in opus]
    return AudioTrack(
        index=number + 1,
        language=language,
        label=label,
        default=default,
        sample_count=round(seconds * 48_000),
        loudness=None,
        renditions=tuple(
            AudioRendition(f"{codec}-{rate // 1000}k{tail}", codec, rate, 2, 48_000)
            for codec, rate in wanted
        ),
    )


def subtitles(name: str = "subtitles-en", **changes: object) -> SubtitleTrack:
    facts: dict[str, object] = {
        "index": 2,
        "name": name,
        "language": "en",
        "label": "English",
        "default": False,
        "forced": False,
        "hearing_impaired": False,
    }
    return SubtitleTrack(**(facts | changes))  # type: ignore[arg-type]


def a_plan(
    *,
    seconds: float = 62.0,
    rate: Rational = Rational(30),  # noqa: B008 -- it is immutable
    video: tuple[VideoRendition, ...] | None = None,
    audio: tuple[AudioTrack, ...] | None = None,
    texts: tuple[SubtitleTrack, ...] = (),
    chunk_segments: int = 5,
    transport_stream: bool = False,
) -> EncodingPlan:
    """A plan with segments of about 6 seconds, and the sound as long as the picture."""
    video = ladder() if video is None else video
    frame_count = max(1, round(seconds * rate.fraction))
    keyframe_interval = max(2, 2 * round(rate.fraction))
    segment_frames = 3 * keyframe_interval
    per_second = rate.fraction
    timescale = 90_000 if 90_000 % per_second == 0 else int(per_second.numerator * 1000)
    return EncodingPlan(
        source=SourceInput("mov", 0, 0.0),
        frame_rate=rate,
        frame_count=frame_count,
        keyframe_interval=keyframe_interval,
        segment_frames=segment_frames,
        timescale=timescale,
        video=video,
        groups=tuple(
            EncodeGroup(codec.value, codec, tuple(one.name for one in video if one.codec is codec))
            for codec in dict.fromkeys(one.codec for one in video)
        ),
        audio=(track(seconds=float(frame_count / per_second)),) if audio is None else audio,
        chunks=cut(
            frame_count,
            segment_frames=segment_frames,
            count=max(1, round(-(-frame_count // segment_frames) / chunk_segments)),
            keyframe_interval=keyframe_interval,
        ),
        pictures=Pictures(0.0, 64, 36, 0.0, 1.0, 64, 36, 1.0, 1, 16, 8, 1, 1),
        subtitles=texts,
        transport_stream=transport_stream,
    )
