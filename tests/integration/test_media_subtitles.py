"""Subtitles out of real files, through the real ffmpeg, to segments on the video's grid."""

from pathlib import Path

import av
import pytest

from ingest.inspect import InspectionLimits, MediaLimits
from ingest.inspect.probe import inspect
from ingest.package.facts import PartFacts
from ingest.plan import EncodingPlan, PlanSettings, plan
from ingest.subtitles import extract_subtitles, parse_subtitles
from ingest.subtitles.cues import Cue
from ingest.transcode.command import Command
from ingest.transcode.encodes import encode_chunk
from ingest.transcode.runner import run
from ingest.transcode.settings import TranscodeSettings
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg

SETTINGS = TranscodeSettings(threads=1)

SRT = """1
00:00:00,500 --> 00:00:01,500
Hello <i>you</i> & me

2
00:00:01,800 --> 00:00:02,300
a --> b <font color="red">c</font>

3
00:00:05,000 --> 00:00:05,900
the end
"""
CUES = (
    Cue(500, 1500, "Hello <i>you</i> &amp; me"),
    Cue(1800, 2300, "a --&gt; b c"),
    Cue(5000, 5900, "the end"),
)

ASS = r"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold
Style: Default,Arial,20,&H00FFFFFF,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:01.50,Default,,0,0,0,,{\pos(10,10)\i1}Hello{\i0} you\Nand me\N\Nagain
Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,<script>x</script>
"""


class Taken:
    """What was taken out of a source."""

    def __init__(self, planned: EncodingPlan, folder: Path, facts: dict[str, PartFacts]) -> None:
        self.plan = planned
        self.folder = folder
        self.facts = facts

    def segments(self, name: str) -> list[tuple[Cue, ...]]:
        return [
            parse_subtitles((self.folder / name / segment.name).read_bytes())
            for segment in self.facts[name].segments
        ]

    def cues(self, name: str) -> tuple[Cue, ...]:
        found = {cue for segment in self.segments(name) for cue in segment}
        return tuple(sorted(found, key=lambda cue: cue.start))


async def take(source: Path, folder: Path, settings: PlanSettings | None = None) -> Taken:
    media = await inspect(source, InspectionLimits(), MediaLimits(min_seconds=0))
    planned = plan(media, settings or PlanSettings(), short=True)

    async def carry_out(command: Command) -> None:
        assert command.reads == (source,)
        await run(command, stall_timeout=60, confinement=SETTINGS.confinement)

    folder.mkdir()
    facts = await extract_subtitles(carry_out, planned, source, folder, SETTINGS)
    assert {path.name for path in folder.iterdir()} == set(facts)
    return Taken(planned, folder, facts)


def film(name: str, *more: str, subtitles: str = SRT, kind: str = "srt") -> Path:
    """Six seconds of picture and sound with a track of subtitles."""
    (FOLDER / f"{name}.{kind}").write_text(subtitles)
    base = clip("subtitled-base.mkv", "-c:a", "aac", seconds=6)
    ffmpeg(
        *("-i", str(base), "-i", f"{name}.{kind}"),
        *("-map", "0:v", "-map", "0:a", "-map", "1", "-c", "copy", *more, name),
    )
    return FOLDER / name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("srt.mkv", ("-c:s", "srt")),
        ("ass.mkv", ("-c:s", "ass")),
        ("webvtt.mkv", ("-c:s", "webvtt")),
        ("text.mp4", ("-c:s", "mov_text")),
        ("text.mov", ("-c:s", "mov_text")),
        ("webvtt.webm", ("-c:v", "libvpx", "-c:a", "libopus", "-c:s", "webvtt")),
    ],
)
async def test_every_kind_of_text_becomes_webvtt_on_the_grid(
    name: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    taken = await take(film(name, *options, "-metadata:s:s:0", "language=ger"), tmp_path / "work")
    [track] = taken.plan.subtitles
    assert (track.name, track.language) == ("subtitles-de", "de")
    assert taken.cues(track.name) == CUES
    assert [len(cues) for cues in taken.segments(track.name)] == [2, 1, 1]


async def test_facts_tell_of_the_files_and_of_the_grid(tmp_path: Path) -> None:
    taken = await take(film("srt.mkv", "-c:s", "srt"), tmp_path / "work")
    [facts] = taken.facts.values()
    assert facts.init is None
    scale = taken.plan.timescale
    assert [(one.name, one.decode_time / scale) for one in facts.segments] == [
        ("00000.vtt", 0),
        ("00001.vtt", 2),
        ("00002.vtt", 4),
    ]
    assert sum(one.duration for one in facts.segments) / scale == taken.plan.duration
    [name] = taken.facts
    for one in facts.segments:
        assert (taken.folder / name / one.name).stat().st_size == one.size


async def test_commands_of_ass_are_not_text_and_empty_lines_end_nothing(tmp_path: Path) -> None:
    source = film("drawn.mkv", "-c:s", "copy", subtitles=ASS, kind="ass")
    taken = await take(source, tmp_path / "work")
    [name] = taken.facts
    assert [cue.text for cue in taken.cues(name)] == ["<i>Hello</i> you\nand me\nagain", "x"]


async def test_several_tracks_are_taken_in_one_pass(tmp_path: Path) -> None:
    first = film("first.mkv", "-c:s", "srt")
    (FOLDER / "second.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nzwei\n")
    ffmpeg(
        *("-i", str(first), "-i", "second.srt", "-map", "0", "-map", "1", "-c", "copy"),
        *("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger", "both.mkv"),
    )
    taken = await take(FOLDER / "both.mkv", tmp_path / "work")
    assert taken.cues("subtitles-en") == CUES
    assert taken.cues("subtitles-de") == (Cue(1000, 2000, "zwei"),)


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4"])
async def test_times_count_from_where_the_video_begins(name: str, tmp_path: Path) -> None:
    codec = "srt" if name.endswith("mkv") else "mov_text"
    source = film(name, "-c:s", codec, "-output_ts_offset", "100")
    taken = await take(source, tmp_path / "work")
    assert taken.plan.source.origin == pytest.approx(100, abs=0.1)
    [track] = taken.facts
    shift = 100_000 - round(taken.plan.source.origin * 1000)
    assert [(cue.start, cue.text) for cue in taken.cues(track)] == [
        (cue.start + shift, cue.text) for cue in CUES
    ]


async def test_a_film_without_subtitles_starts_no_program(tmp_path: Path) -> None:
    taken = await take(clip("bare.mkv"), tmp_path / "work")
    assert taken.facts == {}


async def test_a_track_that_is_no_good_is_left_out(tmp_path: Path) -> None:
    long = SRT + "\n4\n00:00:01,000 --> 00:00:02,000\n" + "x" * 3000 + "\n"
    taken = await take(film("long.mkv", "-c:s", "srt", subtitles=long), tmp_path / "work")
    assert len(taken.plan.subtitles) == 1
    assert taken.facts == {}


async def test_transport_streams_have_subtitles_timed_by_their_own_clock(tmp_path: Path) -> None:
    """What is shown with a picture is told by the picture's own time in the stream."""
    settings = PlanSettings(transport_stream=True)
    source = film("srt.mkv", "-c:s", "srt")
    taken = await take(source, tmp_path / "work", settings)
    assert set(taken.facts) == {"subtitles-und", "ts-subtitles-und"}
    plain, twin = ((taken.folder / name / "00001.vtt").read_text() for name in sorted(taken.facts))
    assert twin == plain.replace("MPEGTS:0,", "MPEGTS:900000,")
    assert twin != plain

    async def carry_out(command: Command) -> None:
        await run(command, stall_timeout=60, confinement=SETTINGS.confinement)

    encoded = tmp_path / "encoded"
    [group], [chunk] = taken.plan.groups, taken.plan.chunks
    names = await encode_chunk(
        carry_out, taken.plan, group, chunk, source, encoded, TranscodeSettings(threads=1)
    )
    [name, *_] = [one for one in names if one.startswith("ts-")]
    with av.open(str(encoded / name / "00000.ts")) as container:
        first = next(container.decode(video=0))
    assert first.time == 900_000 / 90_000
