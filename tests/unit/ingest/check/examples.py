"""A package that keeps every rule, as texts and facts, to be broken in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from msgspec import structs

from common.hls import VideoRange
from ingest.check.model import Package
from ingest.check.parts import package_of
from ingest.package.facts import InitFacts, KeyFrame, Part, PartFacts, SegmentFacts

SECONDS = (6, 6, 4)
AUDIO_FRAMES = (281, 282, 187)
"""Of 1,024 samples: within a frame of the video's boundaries, and 16 s together."""
KEY_FRAME = 3000
"""Bytes."""
AUDIO_RATE = 64125
"""bit/s: 171 bytes a frame."""


@dataclass(frozen=True)
class Rendition:
    """A video rendition of 25 frames per second, or of every second one of them."""

    name: str
    rate: int
    codec: str
    width: int
    height: int
    step: int = 1
    video_range: VideoRange = VideoRange.SDR

    @property
    def bandwidth(self) -> int:
        return self.rate + AUDIO_RATE


RENDITIONS = (
    Rendition("h264-540p", 1_936_000, "avc1.64001f", 960, 540),
    Rendition("h264-1080p", 6_000_000, "avc1.640028", 1920, 1080),
    Rendition("h264-234p", 100_000, "avc1.64000d", 416, 234, step=2),
    Rendition(
        "hevc-1080p-hdr", 4_000_000, "hvc1.2.4.L120.90", 1920, 1080, video_range=VideoRange.PQ
    ),
)


@dataclass
class Example:
    """Texts and parts, and what is done to the package made of them."""

    texts: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    after: Callable[[Package], Package] = lambda package: package

    def package(self) -> Package:
        return self.after(package_of(self.texts, self.parts))

    def replace(self, key: str, old: str, new: str, count: int = -1) -> None:
        """Write ``new`` for ``old``, which is there, in the playlist ``key``."""
        assert old in self.texts[key], (key, old)
        self.texts[key] = self.texts[key].replace(old, new, count)

    def init(self, rendition: str, **changes: object) -> None:
        """Change the init segment of all parts of ``rendition``."""

        def change(facts: PartFacts) -> PartFacts:
            assert facts.init is not None
            return structs.replace(facts, init=structs.replace(facts.init, **changes))

        self._change(rendition, change)

    def segment(self, rendition: str, number: int, **changes: object) -> None:
        """Change segment ``number`` of ``rendition``."""

        def change(facts: PartFacts) -> PartFacts:
            segments = tuple(
                structs.replace(one, **changes) if one.name.startswith(f"{number:05d}.") else one
                for one in facts.segments
            )
            return structs.replace(facts, segments=segments)

        self._change(rendition, change)

    def _change(self, rendition: str, change: Callable[[PartFacts], PartFacts]) -> None:
        self.parts[rendition] = [
            Part(part.name, change(part.facts)) for part in self.parts[rendition]
        ]


def good() -> Example:
    """The package without a fault."""
    example = Example()
    for rendition in RENDITIONS:
        example.parts[rendition.name] = video_parts(rendition)
        example.texts[f"{rendition.name}/playlist.m3u8"] = media(
            [f"c000{one // 2}a1/{one:05d}.m4s" for one in range(3)],
            [Fraction(seconds) for seconds in SECONDS],
        )
        example.texts[f"{rendition.name}/iframes.m3u8"] = iframes(rendition)
    example.parts["aac-64k"] = [audio_part()]
    example.texts["aac-64k/playlist.m3u8"] = media(
        [f"c0000a1/{one:05d}.m4s" for one in range(3)],
        [Fraction(frames * 1024, 48000) for frames in AUDIO_FRAMES],
    )
    example.parts["subtitles-en"] = [text_part()]
    example.texts["subtitles-en/playlist.m3u8"] = media(
        [f"c0000a1/{one:05d}.vtt" for one in range(3)],
        [Fraction(seconds) for seconds in SECONDS],
        init=None,
    )
    example.texts["main.m3u8"] = multivariant(RENDITIONS)
    example.texts["data-saver.m3u8"] = multivariant((RENDITIONS[2],))
    return example


def media(uris: list[str], durations: list[Fraction], init: str | None = "c0000a1/init.mp4") -> str:
    """The text of a media playlist with a target duration of 6 s."""
    lines = [
        *("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:6", "#EXT-X-PLAYLIST-TYPE:VOD"),
        *([f'#EXT-X-MAP:URI="{init}"'] if init else []),
    ]
    for uri, duration in zip(uris, durations, strict=True):
        lines += [f"#EXTINF:{float(duration):.6f},", uri]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def iframes(rendition: Rendition) -> str:
    """The text of the I-frame playlist of ``rendition``: a picture every 2 s."""
    lines = [
        *("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-PLAYLIST-TYPE:VOD"),
        *("#EXT-X-I-FRAMES-ONLY", '#EXT-X-MAP:URI="c0000a1/init.mp4"'),
    ]
    for number, seconds in enumerate(SECONDS):
        for picture in range(seconds // 2):
            offset = 24 + picture * size_of(rendition, 2)
            lines += ["#EXTINF:2.000000,", f"#EXT-X-BYTERANGE:{KEY_FRAME}@{offset}"]
            lines.append(f"c000{number // 2}a1/{number:05d}.m4s")
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def multivariant(renditions: tuple[Rendition, ...]) -> str:
    """The text of a multivariant playlist of ``renditions``."""
    lines = [
        *("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"),
        '#EXT-X-CONTENT-STEERING:SERVER-URI="https://control.example/s",PATHWAY-ID="a"',
        '#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.title",VALUE="A title"',
        (
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",DEFAULT=YES,'
            'AUTOSELECT=YES,CHANNELS="2",URI="aac-64k/playlist.m3u8"'
        ),
        (
            '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="English",LANGUAGE="en",DEFAULT=NO,'
            'AUTOSELECT=YES,URI="subtitles-en/playlist.m3u8"'
        ),
    ]
    for one in renditions:
        shape = f"RESOLUTION={one.width}x{one.height}"
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={one.bandwidth},AVERAGE-BANDWIDTH={one.bandwidth},"
            f'SCORE=1.0,CODECS="{one.codec},mp4a.40.2",{shape},FRAME-RATE={25 / one.step:.3f},'
            f'VIDEO-RANGE={one.video_range},AUDIO="aac",SUBTITLES="text",PATHWAY-ID="a",'
            "CLOSED-CAPTIONS=NONE"
        )
        lines.append(f"{one.name}/playlist.m3u8")
        lines.append(
            f'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={KEY_FRAME * 4},CODECS="{one.codec}",{shape},'
            f'VIDEO-RANGE={one.video_range},URI="{one.name}/iframes.m3u8"'
        )
    return "\n".join([*lines, ""])


def size_of(rendition: Rendition, seconds: int) -> int:
    return rendition.rate * seconds // 8


def video_parts(rendition: Rendition) -> list[Part]:
    """Two chunks, of two segments and of one."""
    init = InitFacts(
        name="init.mp4",
        size=800,
        sha256=f"init of {rendition.name}",
        codec=rendition.codec,
        timescale=12800,
        width=rendition.width,
        height=rendition.height,
        channels=0,
        sample_rate=0,
        video_range=rendition.video_range,
    )
    start, segments = 0, []
    for number, seconds in enumerate(SECONDS):
        pictures = tuple(
            KeyFrame(
                offset=24 + one * size_of(rendition, 2),
                size=KEY_FRAME,
                decode_time=start + one * 2 * 12800,
            )
            for one in range(seconds // 2)
        )
        segments.append(
            SegmentFacts(
                name=f"{number:05d}.m4s",
                size=size_of(rendition, seconds),
                sha256=f"segment {number} of {rendition.name}",
                decode_time=start,
                duration=seconds * 12800,
                sample_count=seconds * 25 // rendition.step,
                starts_with_sync=True,
                key_frames=pictures,
            )
        )
        start += seconds * 12800
    return [
        Part("c0000a1", PartFacts(init=init, segments=tuple(segments[:2]))),
        Part("c0001a1", PartFacts(init=init, segments=tuple(segments[2:]))),
    ]


def audio_part() -> Part:
    init = InitFacts(
        name="init.mp4",
        size=700,
        sha256="init of sound",
        codec="mp4a.40.2",
        timescale=48000,
        width=0,
        height=0,
        channels=2,
        sample_rate=48000,
    )
    start, segments = 0, []
    for number, frames in enumerate(AUDIO_FRAMES):
        segments.append(
            SegmentFacts(
                name=f"{number:05d}.m4s",
                size=frames * 171,
                sha256=f"segment {number} of sound",
                decode_time=start,
                duration=frames * 1024,
                sample_count=frames,
                starts_with_sync=True,
            )
        )
        start += frames * 1024
    return Part("c0000a1", PartFacts(init=init, segments=tuple(segments)))


def text_part() -> Part:
    segments = tuple(
        SegmentFacts(
            name=f"{number:05d}.vtt",
            size=120,
            sha256=f"segment {number} of text",
            decode_time=0,
            duration=0,
            sample_count=1,
            starts_with_sync=True,
        )
        for number in range(3)
    )
    return Part("c0000a1", PartFacts(init=None, segments=segments))
