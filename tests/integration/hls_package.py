"""A real HLS package, made by ffmpeg's own HLS muxer, whose multivariant playlist is right."""

import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import m3u8
from msgspec import structs

from ingest.package.bandwidth import Measured, average, peak
from ingest.package.facts import InitFacts, SegmentFacts
from ingest.package.segments import read_init, read_segment

VIDEO = {"416x234": "90k", "640x360": "500k"}
TARGET = 6

INPUTS = (
    *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=16"),
    *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=16"),
)
H264 = (
    *("-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-g", "50", "-bf", "2"),
    *("-x264-params", "scenecut=0:open-gop=0:ref=1", "-pix_fmt", "yuv420p"),
)
HLS = ("-f", "hls", "-hls_time", str(TARGET), "-hls_playlist_type", "vod")
FMP4 = (*HLS, "-hls_segment_type", "fmp4", "-hls_segment_filename", "%02d.m4s")


def ffmpeg(folder: Path, *arguments: str) -> None:
    """Run ffmpeg in ``folder``."""
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments],
        check=True,
        cwd=folder,
    )


def make(folder: Path) -> Path:
    """A package of two renditions of video and one of sound in ``folder``, which is made."""
    for size, rate in VIDEO.items():
        rung = folder / size
        rung.mkdir(parents=True)
        limit = ("-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-s", size)
        ffmpeg(rung, *INPUTS, "-map", "0:v", *H264, *limit, *FMP4, "playlist.m3u8")
        write_iframes(rung)
    sound = folder / "sound"
    sound.mkdir()
    aac = ("-c:a", "aac", "-b:a", "48k", "-ac", "2")
    ffmpeg(sound, *INPUTS, "-map", "1:a", *aac, *FMP4, "playlist.m3u8")
    for playlist in folder.glob("*/playlist.m3u8"):
        # ffmpeg counts itself into the target duration, and the video's must be the sound's.
        lines = playlist.read_text().split("\n")
        kept = [f"#EXT-X-TARGETDURATION:{TARGET}" if "TARGETD" in line else line for line in lines]
        playlist.write_text("\n".join(kept))
    (folder / "main.m3u8").write_text(multivariant(folder))
    return folder


def facts_of(rung: Path) -> tuple[InitFacts, list[SegmentFacts], list[Fraction]]:
    """What the bytes of a rendition say, and what is listed."""
    playlist = m3u8.load(str(rung / "playlist.m3u8"))
    init, defaults = read_init("init.mp4", (rung / "init.mp4").read_bytes())
    segments = [
        read_segment(one.uri, (rung / one.uri).read_bytes(), defaults) for one in playlist.segments
    ]
    return init, segments, [Fraction(str(one.duration)) for one in playlist.segments]


def write_iframes(rung: Path) -> None:
    """An I-frame playlist of the first picture of each segment."""
    _, segments, durations = facts_of(rung)
    lines = [
        *("#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{TARGET}"),
        *("#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-I-FRAMES-ONLY", '#EXT-X-MAP:URI="init.mp4"'),
    ]
    for one, duration in zip(segments, durations, strict=True):
        picture = one.key_frames[0]
        lines += [
            f"#EXTINF:{float(duration):.6f},",
            f"#EXT-X-BYTERANGE:{picture.size}@{picture.offset}",
            one.name,
        ]
    (rung / "iframes.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))


def multivariant(folder: Path) -> str:
    """The text of the multivariant playlist over what lies in ``folder``."""
    sound, heard, lengths = facts_of(folder / "sound")
    lines = [
        *("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"),
        (
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Tone",LANGUAGE="zxx",DEFAULT=YES,'
            'AUTOSELECT=YES,CHANNELS="2",URI="sound/playlist.m3u8"'
        ),
    ]
    for size in reversed(VIDEO):
        init, video, durations = facts_of(folder / size)
        high = rate(peak_rate, video, durations) + rate(peak_rate, heard, lengths)
        low = rate(average, video, durations) + rate(average, heard, lengths)
        shape = f"RESOLUTION={size},VIDEO-RANGE=SDR"
        pictures = [structs.replace(one, size=one.key_frames[0].size) for one in video]
        thin = rate(peak_rate, pictures, durations)
        lines += [
            (
                f"#EXT-X-STREAM-INF:BANDWIDTH={high},AVERAGE-BANDWIDTH={low},"
                f'CODECS="{init.codec},{sound.codec}",{shape},FRAME-RATE=25.000,AUDIO="aac"'
            ),
            f"{size}/playlist.m3u8",
            (
                f'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={thin},CODECS="{init.codec}",{shape},'
                f'URI="{size}/iframes.m3u8"'
            ),
        ]
    return "\n".join([*lines, ""])


def rate(
    of: Callable[[list[Measured]], int], segments: list[SegmentFacts], durations: list[Fraction]
) -> int:
    """The peak or average rate of a rendition."""
    return of([Measured(one.size, length) for one, length in zip(segments, durations, strict=True)])


def peak_rate(measured: list[Measured]) -> int:
    """The peak of segments under this package's target duration."""
    return peak(measured, TARGET)


def join(rung: Path) -> None:
    """Puts all of a rendition in one file, of which its playlists list byte ranges."""
    init = (rung / "init.mp4").read_bytes()
    places, whole = {"init.mp4": (0, len(init))}, init
    for path in sorted(rung.glob("*.m4s")):
        data = path.read_bytes()
        places[path.name] = (len(whole), len(data))
        whole += data
        path.unlink()
    (rung / "all.mp4").write_bytes(whole)
    for playlist in rung.glob("*.m3u8"):
        lines: list[str] = []
        picture = None
        for line in playlist.read_text().split("\n"):
            if line.startswith("#EXT-X-BYTERANGE:"):
                picture = [int(part) for part in line.partition(":")[2].split("@")]
            elif line.startswith("#EXT-X-MAP"):
                lines.append(f'#EXT-X-MAP:URI="all.mp4",BYTERANGE="{len(init)}@0"')
            elif line in places:
                start, length = places[line]
                if picture:
                    start, length = start + picture[1], picture[0]
                lines += [f"#EXT-X-BYTERANGE:{length}@{start}", "all.mp4"]
            else:
                lines.append(line)
        playlist.write_text("\n".join(lines))


def copy(source: Path, target: Path) -> Path:
    """A copy of a package, to be broken."""
    shutil.copytree(source, target)
    return target
