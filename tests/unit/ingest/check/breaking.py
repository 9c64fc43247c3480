"""For each rule, how to break it in the package that keeps them all."""

from collections.abc import Callable
from dataclasses import replace

from ingest.check.model import Container, Package, Problem, Track, Trouble
from ingest.package.facts import KeyFrame
from tests.unit.ingest.check.examples import Example

HIGH, HALF, FIRST, HDR = "h264-1080p", "h264-234p", "h264-540p", "hevc-1080p-hdr"
MAIN = "main.m3u8"


def text(key: str, old: str, new: str, count: int = -1) -> Callable[[Example], None]:
    """Write ``new`` for ``old`` in a playlist."""
    return lambda example: example.replace(key, old, new, count)


def playlist(name: str, old: str, new: str, count: int = -1) -> Callable[[Example], None]:
    """The same in the media playlist of a rendition."""
    return text(f"{name}/playlist.m3u8", old, new, count)


def init(name: str, **changes: object) -> Callable[[Example], None]:
    """Change the init segment of a rendition."""
    return lambda example: example.init(name, **changes)


def segment(name: str, number: int, **changes: object) -> Callable[[Example], None]:
    """Change the facts of a segment."""
    return lambda example: example.segment(name, number, **changes)


def both(*steps: Callable[[Example], None]) -> Callable[[Example], None]:
    """Do one after the other."""

    def do(example: Example) -> None:
        for step in steps:
            step(example)

    return do


def problem(trouble: Trouble) -> Callable[[Example], None]:
    """Something could not be looked at."""

    def do(example: Example) -> None:
        example.after = lambda package: replace(
            package,
            problems=(Problem(f"{package.root}{HIGH}/x", trouble, "is so and so"),),
        )

    return do


def track(name: str, change: Callable[[Track], Track]) -> Callable[[Example], None]:
    """Change a track where texts and facts cannot say it."""

    def after(package: Package) -> Package:
        place = f"{package.root}{name}"
        return replace(package, tracks={**package.tracks, place: change(package.tracks[place])})

    def do(example: Example) -> None:
        example.after = after

    return do


def without_timestamp_map(one: Track) -> Track:
    first, *rest = one.segments
    assert first is not None
    return replace(one, segments=(replace(first, timestamp_map=False), *rest))


def no_picture(one: Track) -> Track:
    first, *rest = one.segments
    assert first is not None
    return replace(one, segments=(replace(first, idr=False), *rest))


def another_init(example: Example) -> None:
    """The second chunk of a rendition has an init segment of its own."""
    example.replace(
        f"{HIGH}/playlist.m3u8",
        "#EXTINF:4.000000,",
        '#EXT-X-MAP:URI="c0001a1/init.mp4"\n#EXTINF:4.000000,',
    )
    first, second = example.parts[HIGH]
    example.parts[HIGH] = [second]
    example.init(HIGH, sha256="another")
    example.parts[HIGH].insert(0, first)


def every(name: str, old: str, new: str) -> Callable[[Example], None]:
    """Write ``new`` for ``old`` in all playlists that have it and whose key ends with ``name``."""

    def do(example: Example) -> None:
        keys = [key for key in example.texts if key.endswith(name) and old in example.texts[key]]
        assert keys
        for key in keys:
            example.replace(key, old, new)

    return do


BREAKS: dict[str, Callable[[Example], None]] = {
    # syntax
    "extm3u": text(MAIN, "#EXTM3U\n", ""),
    "syntax": text(MAIN, "DEFAULT=YES,", "DEFAULT=YES,,"),
    "version": playlist(HIGH, "EXT-X-VERSION:7", "EXT-X-VERSION:5"),
    # places
    "inside-package": playlist(HIGH, "c0001a1/00002.m4s", "file:///etc/passwd"),
    "uris-resolve": playlist(HIGH, "c0001a1/00002.m4s", "c0001a1/00003.m4s"),
    "whole": problem(Trouble.BROKEN),
    "understood": problem(Trouble.STRANGE),
    "bounds": problem(Trouble.LIMIT),
    # media
    "target-duration": playlist(HIGH, "EXTINF:6.000000", "EXTINF:6.500000", 1),
    "segment-within-target": segment(HIGH, 1, duration=84000),
    "target-of-six": every("playlist.m3u8", "TARGETDURATION:6", "TARGETDURATION:8"),
    "segment-length": playlist(HIGH, "EXTINF:6.000000", "EXTINF:5.000000", 1),
    "extinf": playlist(HIGH, "EXTINF:6.000000", "EXTINF:5.950000", 1),
    "iframe-extinf": text(f"{HIGH}/iframes.m3u8", "EXTINF:2.000000", "EXTINF:1.500000", 1),
    "vod": playlist(HIGH, "TYPE:VOD", "TYPE:EVENT"),
    "endlist": playlist(HIGH, "#EXT-X-ENDLIST", ""),
    "has-segments": lambda example: example.texts.update(
        {"subtitles-en/playlist.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-ENDLIST\n"}
    ),
    "no-discontinuity": playlist(HIGH, "#EXTINF:4", "#EXT-X-DISCONTINUITY\n#EXTINF:4"),
    "map": playlist(HIGH, '#EXT-X-MAP:URI="c0000a1/init.mp4"\n', ""),
    "one-init": another_init,
    "independent-segments": text(MAIN, "#EXT-X-INDEPENDENT-SEGMENTS\n", ""),
    "same-target": playlist("aac-64k", "TARGETDURATION:6", "TARGETDURATION:7"),
    # samples
    "starts-with-idr": segment(HIGH, 1, starts_with_sync=False),
    "decode-times": segment(HIGH, 2, decode_time=153601),
    "key-frames": segment(HIGH, 1, key_frames=(KeyFrame(24, 3000, 76800),)),
    "frame-rate-limit": both(*(segment(HIGH, number, sample_count=720) for number in range(3))),
    # across
    "same-start": both(
        *(segment(HIGH, n, decode_time=time + 1024) for n, time in enumerate((0, 76800, 153600)))
    ),
    "frame-counts": segment(HIGH, 2, sample_count=98),
    "aligned-video": both(
        segment(HIGH, 0, duration=76800 - 1024),
        segment(HIGH, 1, duration=76800 + 1024, decode_time=76800 - 1024),
    ),
    "aligned-audio": both(
        segment("aac-64k", 0, duration=283000),
        segment("aac-64k", 1, duration=293512, decode_time=283000),
    ),
    "same-duration": segment("aac-64k", 2, duration=150_000),
    "same-range": playlist("subtitles-en", "EXTINF:4.000000", "EXTINF:3.000000"),
    "profiles": text("data-saver.m3u8", 'LANGUAGE="en"', 'LANGUAGE="fr"', 1),
    # variants
    "has-variants": lambda example: example.texts.update(
        {"data-saver.m3u8": '#EXTM3U\n#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="b"\n'}
    ),
    "resolution-present": text(MAIN, "RESOLUTION=1920x1080,FRAME", "FRAME"),
    "frame-rate-present": text(MAIN, "FRAME-RATE=25.000,", ""),
    "video-range-present": text(MAIN, "VIDEO-RANGE=PQ,", ""),
    "resolution": init(HIGH, width=1918),
    "frame-rate": text(MAIN, "FRAME-RATE=25.000", "FRAME-RATE=24.000"),
    "video-range": text(MAIN, "VIDEO-RANGE=PQ", "VIDEO-RANGE=HLG"),
    "sdr-beside-hdr": text(MAIN, "VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"),
    "several-rates": lambda example: example.texts.update({MAIN: example.texts["data-saver.m3u8"]}),
    "two-at-the-top": text(MAIN, "RESOLUTION=1920x1080", "RESOLUTION=1918x1080", 1),
    "cellular": text(MAIN, "BANDWIDTH=164125,A", "BANDWIDTH=194125,A"),
    "default-variant": text(MAIN, "AVERAGE-BANDWIDTH=2000125", "AVERAGE-BANDWIDTH=9000000"),
    "aspect-ratios": text(MAIN, "RESOLUTION=960x540", "RESOLUTION=900x540"),
    "no-duplicates": text(MAIN, f"{HIGH}/playlist.m3u8", f"{HDR}/playlist.m3u8"),
    "score": text(MAIN, "SCORE=1.0,", "", 1),
    "steering": text(MAIN, '/s",PATHWAY-ID="a"', '/s",PATHWAY-ID="b"'),
    "steering-start": text(MAIN, '/s",PATHWAY-ID="a"', '/s"'),
    "session-data": text(MAIN, ',VALUE="A title"', ""),
    # bandwidths
    "bandwidth": text(MAIN, "BANDWIDTH=6064125,A", "BANDWIDTH=6000000,A"),
    "average-bandwidth": text(MAIN, "AVERAGE-BANDWIDTH=6064125", "AVERAGE-BANDWIDTH=5400000"),
    "peak-to-average": both(
        segment(HIGH, 0, size=20_000_000), segment(HIGH, 1, size=100), segment(HIGH, 2, size=100)
    ),
    "iframe-bandwidth": text(MAIN, "BANDWIDTH=12000,", "BANDWIDTH=11000,", 1),
    # codecs
    "codecs-present": text(MAIN, 'CODECS="avc1.640028,mp4a.40.2",', ""),
    "codecs": text(MAIN, "avc1.640028,mp4a", "avc1.640029,mp4a"),
    "video-codec": init(HIGH, codec="vp09.00.41.08"),
    "parameter-sets": init(HDR, codec="hev1.2.4.L120.90"),
    "hevc-in-fmp4": track(
        f"{HDR}/playlist.m3u8",
        lambda one: replace(one, container=Container.TS, codecs=frozenset({"hvc1"})),
    ),
    "h264-limit": init(HIGH, codec="avc1.6e0028"),
    "h264-compatible": both(*(init(one, codec="avc1.640033") for one in (HIGH, HALF, FIRST))),
    "h264-level-needed": init(HALF, codec="avc1.640028"),
    "high-profile": init(HALF, codec="avc1.4d000d"),
    "hevc-limit": init(HDR, codec="hvc1.2.4.L156.90"),
    "hevc-compatible": init(HDR, codec="hvc1.2.4.H120.90"),
    "av1-limit": init(HDR, codec="av01.0.19M.10"),
    "some-h264": text(MAIN, "avc1.", "hvc1."),
    "stereo-aac": init("aac-64k", channels=1),
    "separate-audio": text(MAIN, ',AUDIO="aac",', ",", 1),
    # groups
    "media-attributes": text(MAIN, "DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO"),
    "groups-exist": text(MAIN, 'AUDIO="aac"', 'AUDIO="opus"', 1),
    "group-names": text(MAIN, "#EXT-X-MEDIA", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",'
                        'NAME="English",LANGUAGE="fr",CHANNELS="2"\n#EXT-X-MEDIA', 1),
    "group-members": text(MAIN, "#EXT-X-MEDIA", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="b",'
                          'NAME="French",LANGUAGE="fr",CHANNELS="2"\n#EXT-X-MEDIA', 1),
    "language": text(MAIN, 'LANGUAGE="en",', "", 1),
    "channels-present": text(MAIN, 'CHANNELS="2",', ""),
    "channels": text(MAIN, 'CHANNELS="2"', 'CHANNELS="6"'),
    "webvtt": track("subtitles-en/playlist.m3u8", without_timestamp_map),
    "subtitles-for-deaf": text(
        MAIN, "DEFAULT=NO,", "DEFAULT=NO,"
        'CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog",'),
    "forced-autoselect": text(MAIN, "DEFAULT=NO,AUTOSELECT=YES", "DEFAULT=NO,FORCED=YES"),
    # iframes
    "iframes-present": text(MAIN, "#EXT-X-I-FRAME-STREAM-INF", "#"),
    "iframes-sdr": lambda example: example.texts.update(
        {
            MAIN: "\n".join(
                line.replace("=SDR", "=PQ") if line.startswith("#EXT-X-I-FRAME") else line
                for line in example.texts[MAIN].split("\n")
            )
        }
    ),
    "iframes-only": text(f"{HIGH}/iframes.m3u8", "#EXT-X-I-FRAMES-ONLY\n", ""),
    "iframe-attributes": text(MAIN, "RESOLUTION=416x234,VIDEO-RANGE=SDR,U", "VIDEO-RANGE=SDR,U"),
    "iframe-ranges": track(f"{HIGH}/iframes.m3u8", no_picture),
}  # fmt: skip
