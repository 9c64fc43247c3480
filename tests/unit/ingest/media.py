"""Descriptions of sources, for tests of what is decided from them."""

from collections.abc import Sequence

from ingest.inspect import AudioStream, MediaInfo, Rational, VideoStream
from ingest.inspect.media import ContentLight, SubtitleStream


def media_info(
    *,
    width: int = 1280,
    height: int = 720,
    rate: Rational = Rational(30),  # noqa: B008 -- it is immutable
    seconds: float = 60.0,
    start: float = 0.0,
    rotation: int = 0,
    aspect: Rational = Rational(1),  # noqa: B008 -- it is immutable
    constant: bool = True,
    exact: bool = True,
    seekable: bool = True,
    audio_start: float | None = 0.0,
    byte_size: int = 10_000_000,
    key_frame_delay: float = 0.0,
    interlaced: bool = False,
    transfer: int = 1,
    light: ContentLight | None = None,
    tracks: Sequence[tuple[str | None, str | None, bool]] = (),
    subtitles: Sequence[SubtitleStream] = (),
) -> MediaInfo:
    """A source of `seconds`; without sound where `audio_start` is None.

    `tracks` are sounds after the first: language, title, and whether the file prefers it.
    """
    audio: tuple[AudioStream, ...] = ()
    if audio_start is not None:
        audio = tuple(
            AudioStream(
                index=index,
                codec="aac",
                channels=2,
                sample_rate=44_100,
                first_timestamp=audio_start,
                end_timestamp=start + seconds,
                language=language,
                title=title,
                default=default,
            )
            for index, (language, title, default) in enumerate(
                ((None, None, False), *tracks), start=1
            )
        )
    return MediaInfo(
        container="mov,mp4,m4a,3gp,3g2,mj2",
        byte_size=byte_size,
        duration=seconds,
        seekable=seekable,
        video=VideoStream(
            index=0,
            codec="h264",
            width=width,
            height=height,
            sample_aspect_ratio=aspect,
            rotation=rotation,
            pixel_format="yuv420p",
            color_primaries=1,
            color_transfer=transfer,
            color_matrix=1,
            full_range=False,
            frame_rate=rate,
            constant_frame_rate=constant,
            exact_timestamps=exact,
            frame_count=round(seconds * rate.numerator / rate.denominator),
            first_timestamp=start,
            end_timestamp=start + seconds,
            key_frame_delay=key_frame_delay,
            interlaced=interlaced,
            content_light=light,
        ),
        audio=audio,
        subtitles=tuple(subtitles),
    )
