"""Packages that the real pipeline makes of real footage and of made sources, each only once."""

import asyncio
import functools
import shutil
from pathlib import Path

import msgspec

from ingest.inspect import MediaLimits
from ingest.package import Part, measure, package
from ingest.package.layout import INIT_NAME
from ingest.plan import EncodingPlan, PlanSettings, VideoCodec
from ingest.standalone import Made, Recipe, make_package, whole_or_nothing
from ingest.transcode.settings import Preset, TranscodeSettings
from tests.integration.scenes import scene
from tests.servers.parts import FOOTAGE, installed
from tests.unit.ingest.clips import FOLDER, ffmpeg

PACKAGES = FOLDER / "packages"

SECONDS = 13
RATE = 25

CUES = [(1.0, 3.0, "One"), (5.5, 6.5, "Two <i>words</i>"), (11.0, 12.5, "Three")]
"""Of the film's subtitles: start and end in seconds; the first two are in two segments each."""

CHUNKED = PlanSettings(
    codecs=tuple(VideoCodec),
    opus=True,
    transport_stream=True,
    segment_seconds=2,
    chunk_seconds=4,
    first_seconds=None,
)
WHOLE = PlanSettings(
    codecs=tuple(VideoCodec), transport_stream=True, chunk_seconds=1000, first_seconds=None
)
"""With segments of several groups of pictures, as in all films."""
PLAIN = PlanSettings(segment_seconds=2, first_seconds=None)


@functools.cache
def film() -> Path:
    """Real footage over and over, with sound in two languages, and subtitles."""
    footage = installed(FOOTAGE) / "bigbuckbunny.mp4"
    lines = [
        f"{number}\n{_time(start)} --> {_time(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(CUES, start=1)
    ]
    (FOLDER / "film.srt").write_text("\n".join(lines))
    ffmpeg(
        *("-stream_loop", "3", "-i", str(footage), "-f", "lavfi", "-i", "sine=660:r=48000"),
        *("-i", "film.srt", "-map", "0:v", "-map", "0:a", "-map", "1:a", "-map", "2:s"),
        *("-t", str(SECONDS), "-vf", f"fps={RATE},scale=480:270"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-c:a", "aac", "-c:s", "srt"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-metadata:s:s:0", "language=eng", "film.mkv"),
    )
    return FOLDER / "film.mkv"


def turned() -> Path:
    """Four colours in four corners, held upright by a phone that lay on its side."""
    lying = scene("lying.mp4", size="320x180")
    ffmpeg("-display_rotation", "90", "-i", str(lying), "-c", "copy", "turned.mp4")
    return FOLDER / "turned.mp4"


@functools.cache
def film_package() -> Made:
    """The film in chunks, with all that there is, in ``film``; and in ``first`` what is published
    of it first."""
    done = made(film(), "film", CHUNKED)
    _publish_first(done.plan, PACKAGES / "film", PACKAGES / "first")
    return done


@functools.cache
def turned_package() -> Made:
    """The turned video in H.264, in ``turned``."""
    return made(turned(), "turned", PLAIN)


def made(source: Path, name: str, settings: PlanSettings) -> Made:
    """The package of ``source``, in the folder ``name`` of ``PACKAGES``.

    It is made in an event loop of its own: call it in a fixture.
    """
    recipe = Recipe(
        limits=MediaLimits(min_seconds=0, max_seconds=60),
        plan=settings,
        # With B-frames, whose pictures are shown later than they are decoded.
        encoding=TranscodeSettings(
            preset=Preset.SUPERFAST, hevc_preset=Preset.ULTRAFAST, av1_preset=11, threads=1
        ),
        short=False,
        at_once=2,
    )
    folder = PACKAGES / name
    with whole_or_nothing(folder):
        making = make_package(source, folder, recipe, title="Film", report=lambda *_: None)
        return asyncio.run(making)


def _publish_first(plan: EncodingPlan, version: Path, folder: Path) -> None:
    """Writes into ``folder`` a first version of what lies in ``version``: two renditions of H.264,
    with the sound in AAC."""
    names = [one.name for one in plan.video if one.codec is VideoCodec.H264][1:]
    names += [one.name for track in plan.audio for one in track.renditions if "aac" in one.name]
    parts = {name: parts_of(version / name) for name in names}
    early = msgspec.structs.replace(plan, transport_stream=False, subtitles=())
    first = package(early, parts, title="Film", only=names, base=f"../{version.name}/")
    for playlist in first.playlists:
        path = folder / playlist.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(playlist.text)


def parts_of(rendition: Path) -> list[Part]:
    """What lies in the folder ``rendition``, measured again."""
    first, *rest = sorted(path.name for path in rendition.glob("c*"))
    for part in rest:
        # All are alike, and only the first is kept.
        shutil.copy(rendition / first / INIT_NAME, rendition / part)
    return [Part(part, facts) for part, facts in measure(rendition, [first, *rest]).items()]


def _time(seconds: float) -> str:
    return f"00:00:{int(seconds):02d},{round(seconds % 1 * 1000):03d}"
