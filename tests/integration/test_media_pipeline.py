"""The whole way of a video through the real ffmpeg, from file to package: no seam, no lie."""

import asyncio
import hashlib
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import m3u8
import pytest

from ingest.inspect import InspectionLimits, MediaLimits
from ingest.inspect.probe import inspect
from ingest.package import Package, Part, measure, package, part_name
from ingest.plan import EncodingPlan, PlanSettings, plan
from ingest.transcode.command import Command
from ingest.transcode.encodes import encode_chunk, encode_track
from ingest.transcode.errors import EncodeFailed
from ingest.transcode.runner import run
from ingest.transcode.sample import sample
from ingest.transcode.settings import Preset, TranscodeSettings
from tests.integration.encoding import generous
from tests.unit.ingest.clips import clip, ffmpeg

SETTINGS = TranscodeSettings(preset=Preset.ULTRAFAST, threads=1)
SHORT = PlanSettings(segment_seconds=2, chunk_seconds=4, first_seconds=None, loudness=None)
WHOLE = PlanSettings(segment_seconds=2, chunk_seconds=1000, first_seconds=None, loudness=None)


@dataclass(frozen=True)
class Made:
    """A package on disk."""

    folder: Path
    plan: EncodingPlan
    package: Package

    @property
    def best(self) -> str:
        return self.plan.video[0].name

    def segments(self, rendition: str) -> list[Path]:
        playlist = m3u8.load(str(self.folder / rendition / "playlist.m3u8"))
        return [self.folder / rendition / segment.uri for segment in playlist.segments]

    def joined(self, rendition: str) -> Path:
        """Init segment and segments in a row, as a player's buffer has them."""
        playlist = m3u8.load(str(self.folder / rendition / "playlist.m3u8"))
        init = self.folder / rendition / playlist.segments[0].init_section.uri
        target = self.folder / f"{rendition}.mp4"
        parts = [init, *self.segments(rendition)]
        target.write_bytes(b"".join(part.read_bytes() for part in parts))
        return target


async def make(source: Path, folder: Path, settings: PlanSettings) -> Made:
    """Do what a job does, chunk by chunk, but for the storing."""
    media = await inspect(source, InspectionLimits(), MediaLimits(min_seconds=0))
    planned = generous(plan(media, settings, short=False))
    parts: dict[str, list[Part]] = {}

    async def one(command: Command) -> None:
        await run(command, stall_timeout=60, confinement=SETTINGS.confinement)

    async def keep(index: int, work: Path, names: tuple[str, ...]) -> None:
        facts = await asyncio.to_thread(measure, work, names)
        for name in names:
            part = part_name(index, 1)
            (folder / name).mkdir(exist_ok=True)
            (work / name).rename(folder / name / part)
            parts.setdefault(name, []).append(Part(name=part, facts=facts[name]))

    for chunk in planned.chunks:
        for group in planned.groups:
            work = folder / f"work-{chunk.index}-{group.name}"
            made = await encode_chunk(one, planned, group, chunk, source, work, SETTINGS)
            await keep(chunk.index, work, made)
    for number, track in enumerate(planned.audio):
        work = folder / f"sound-{number}"
        await keep(0, work, await encode_track(one, planned, track, source, work, SETTINGS))
    packaged = package(planned, parts)
    for playlist in packaged.playlists:
        (folder / playlist.key).write_text(playlist.text)
    return Made(folder, planned, packaged)


def frame_times(path: Path) -> list[Fraction]:
    """Presentation times of all frames, decoded, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return [(frame.pts or 0) * stream.time_base for frame in container.decode(stream)]


def packets(path: Path, stream: str = "v") -> list[list[str]]:
    """Presentation time, decode time and flags of all packets, as ffprobe sees them."""
    output = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-select_streams", stream),
            *("-show_entries", "packet=pts,dts,flags", "-of", "csv=p=0", str(path)),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [line.split(",")[:3] for line in output.split()]


def complaints(path: Path) -> str:
    """What Debian's ffmpeg says while it decodes everything in `path`."""
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-map", "0", "-f", "null", "-"],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stderr


def likeness(made: Path, source: Path, filters: str) -> list[float]:
    """Peak signal-to-noise ratio in dB of every frame of `made` against the filtered `source`."""
    log = made.with_suffix(".psnr")
    graph = (
        f"[0:v]settb=1/90000[a];[1:v]{filters},settb=1/90000[b];[a][b]psnr=stats_file={log.name}"
    )
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(made), "-i", str(source)),
            *("-filter_complex", graph, "-f", "null", "-"),
        ],
        check=True,
        cwd=log.parent,
    )
    lines = log.read_text().splitlines()
    fields = [dict(pair.split(":") for pair in line.split()) for line in lines]
    return [float(field["psnr_avg"]) for field in fields]


def strangers(made: Path, source: Path, filters: str = "null") -> list[int]:
    """Numbers of frames of `made` that are more like a neighbour of the source's same frame."""
    same = likeness(made, source, filters)
    before = likeness(made, source, f"{filters},tpad=start=1:start_mode=clone")
    after = likeness(made, source, f"{filters},trim=start_frame=1,setpts=PTS-STARTPTS")
    # The first frame has no neighbour before it, the last none after.
    before[0] = after[-1] = 0.0
    rows = enumerate(zip(same, before, after, strict=False))
    return [number for number, (own, *others) in rows if own <= max(others)]


def silence(path: Path) -> list[tuple[float, float]]:
    """Start and end of every silence in the sound of `path`, in seconds."""
    output = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(path)),
            *("-map", "0:a:0", "-af", "silencedetect=noise=-40dB:duration=0.1", "-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    words = output.split()
    starts = [float(words[at + 1]) for at, word in enumerate(words) if word == "silence_start:"]
    ends = [float(words[at + 1]) for at, word in enumerate(words) if word == "silence_end:"]
    return list(zip(starts, ends, strict=True))


@pytest.fixture(scope="session")
def film() -> Path:
    """Eleven seconds and a bit, with B-frames and key frames nowhere near the chunks' bounds."""
    return clip(
        "film.mp4",
        *("-preset", "veryfast", "-g", "107", "-bf", "3", "-crf", "16"),
        seconds=11.3,
        size="320x180",
    )


@pytest.fixture(scope="session")
def chunked(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The film in three chunks; tests only look at it."""
    return asyncio.run(make(film, tmp_path_factory.mktemp("chunked"), SHORT))


async def test_chunks_join_without_a_seam(chunked: Made, film: Path, tmp_path: Path) -> None:
    whole = await make(film, tmp_path, WHOLE)

    assert [len(made.plan.chunks) for made in (chunked, whole)] == [3, 1]
    for rendition in chunked.plan.video:
        one, other = chunked.joined(rendition.name), whole.joined(rendition.name)
        assert packets(one) == packets(other)
        times = frame_times(one)
        assert times == [Fraction(number, 30) for number in range(339)]
        assert times == frame_times(other)


def test_every_chunk_s_init_segment_is_the_same(chunked: Made) -> None:
    for rendition in chunked.plan.video:
        inits = {path.read_bytes() for path in (chunked.folder / rendition.name).glob("*/init.mp4")}
        assert len(inits) == 1


def test_every_frame_is_the_source_s_own(chunked: Made, film: Path) -> None:
    assert strangers(chunked.joined(chunked.best), film) == []


def test_key_frames_come_every_two_seconds_and_start_every_segment(chunked: Made) -> None:
    for rendition in chunked.plan.video:
        keys = [
            at
            for at, fields in enumerate(packets(chunked.joined(rendition.name)))
            if fields[2].startswith("K")
        ]
        assert keys == list(range(0, 339, 60))


def test_what_playlists_say_is_what_segments_are(chunked: Made) -> None:
    multivariant = m3u8.load(str(chunked.folder / "main.m3u8"))

    for item in chunked.package.objects:
        content = (chunked.folder / item.key).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (item.size, item.sha256)
    for variant in multivariant.playlists:
        rendition = variant.uri.partition("/")[0]
        sizes = [path.stat().st_size for path in chunked.segments(rendition)]
        sound = [path.stat().st_size for path in chunked.segments("aac-128k")]
        average = 8 * (sum(sizes) + sum(sound)) / chunked.plan.duration
        assert variant.stream_info.average_bandwidth == pytest.approx(average, rel=0.01)
        assert variant.stream_info.bandwidth >= average
        text = (chunked.folder / variant.uri).read_text()
        assert "DISCONTINUITY" not in text


def test_players_decode_everything_without_a_word(chunked: Made) -> None:
    assert complaints(chunked.folder / "main.m3u8") == ""


def test_codec_names_match_what_is_coded(chunked: Made) -> None:
    [first, *_] = m3u8.load(str(chunked.folder / "main.m3u8")).playlists
    told = first.stream_info.codecs.split(",")

    with av.open(str(chunked.joined(first.uri.partition("/")[0]))) as container:
        parameters = container.streams.video[0].codec_context.extradata
    assert parameters is not None

    assert told == [f"avc1.{parameters[1:4].hex()}", "mp4a.40.2"]


def test_sound_and_picture_start_and_end_together(chunked: Made) -> None:
    sound = chunked.joined(chunked.plan.audio[0].renditions[0].name)

    with av.open(str(sound)) as container:
        frames = list(container.decode(container.streams.audio[0]))
    start = (frames[0].pts or 0) / 48_000
    end = start + sum(frame.samples for frame in frames) / 48_000

    assert start == pytest.approx(0.0, abs=0.03)
    assert end == pytest.approx(chunked.plan.duration, abs=0.05)
    assert silence(sound) == []


async def test_a_picture_that_starts_late_is_held(tmp_path: Path) -> None:
    source = clip("for-late-picture.mp4", seconds=2)
    late = source.with_name("late-picture.mkv")
    ffmpeg(
        *("-i", str(source)),
        *("-itsoffset", "1", "-i", str(source)),
        *("-map", "1:v", "-map", "0:a", "-c", "copy", str(late)),
    )

    made = await make(late, tmp_path, SHORT)

    assert frame_times(made.joined(made.best)) == [Fraction(at, 30) for at in range(90)]


@pytest.mark.parametrize("size", ["2x2", "17x9", "65x33"])
async def test_the_smallest_pictures_get_three_renditions(size: str, tmp_path: Path) -> None:
    source = clip(f"tiny{size}.mkv", "-pix_fmt", "yuv444p", seconds=0.3, size=size, sound=False)

    made = await make(source, tmp_path, SHORT)

    assert len(made.plan.video) == 3
    assert complaints(tmp_path / "main.m3u8") == ""


async def test_damage_found_while_encoding_fails_in_ffmpeg_s_words(
    film: Path, tmp_path: Path
) -> None:
    content = bytearray(film.read_bytes())
    start = content.index(b"mdat") + len(content) // 4
    for place in range(start, start + len(content) // 2):
        content[place] = (content[place] * 7 + place) & 0xFF
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)

    with pytest.raises(EncodeFailed) as failed:
        await make(damaged, tmp_path, WHOLE)

    assert str(failed.value).startswith("The encoder failed: ")
    assert "\n" not in str(failed.value)
    assert str(tmp_path) not in str(failed.value)


async def test_the_sample_clip_is_what_it_says(tmp_path: Path) -> None:
    await run(sample(tmp_path / "sample.mp4", seconds=1), stall_timeout=60)

    media = await inspect(tmp_path / "sample.mp4", InspectionLimits())

    assert (media.video.width, media.video.height, media.video.frame_count) == (1280, 720, 30)
    assert (media.video.codec, media.audio[0].codec) == ("h264", "aac")


async def test_real_footage_goes_through(footage: Path, tmp_path: Path) -> None:
    made = await make(footage / "bikes.mp4", tmp_path, SHORT)

    assert len(frame_times(made.joined(made.best))) == 250
    assert complaints(tmp_path / "main.m3u8") == ""
    assert strangers(made.joined(made.best), footage / "bikes.mp4") == []
