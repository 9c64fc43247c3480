"""What ffmpeg is told."""

from pathlib import Path

import pytest

from ingest.inspect import Rational
from ingest.plan import PlanSettings, plan
from ingest.transcode.command import Command
from ingest.transcode.commands import audio, poster, video_chunk
from ingest.transcode.sample import sample
from ingest.transcode.settings import Preset, TranscodeSettings
from tests.unit.ingest.media import media_info

SOURCE = Path("/videos/a film: the 100% [cut].mp4")
FOLDER = Path("/scratch/attempt")
SETTINGS = TranscodeSettings(preset=Preset.VERYFAST, threads=2)
PLAN = plan(media_info(rate=Rational(25), width=320, height=180), PlanSettings())


def options(command: Command, output: int = 0) -> dict[str, str]:
    """Options of one output, each name with its value."""
    starts = [place for place, word in enumerate(command.arguments) if word == "-map"]
    ends = [*starts[1:], len(command.arguments)]
    words = command.arguments[starts[output] : ends[output]]
    return dict(zip(words[::2], words[1::2], strict=False))


def graph(command: Command) -> str:
    return command.arguments[command.arguments.index("-filter_complex") + 1]


def inputs(command: Command) -> tuple[str, ...]:
    return command.arguments[: command.arguments.index("-i") + 2]


def test_the_source_is_opened_as_what_it_was_inspected_as_and_from_files_only() -> None:
    assert inputs(video_chunk(PLAN, PLAN.chunks[0], SOURCE, FOLDER, SETTINGS)) == (
        *("-f", "mov"),
        *("-codec_whitelist", "h264,aac"),
        *("-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2"),
        *("-max_pixels", str(1920 * 1088)),
        *("-protocol_whitelist", "file"),
        *("-threads", "2"),
        *("-i", "file:/videos/a film: the 100% [cut].mp4"),
    )


def test_a_later_chunk_is_sought_two_seconds_early() -> None:
    command = video_chunk(PLAN, PLAN.chunks[1], SOURCE, FOLDER, SETTINGS)

    words = inputs(command)
    assert words[words.index("-ss") + 1] == "28.000000"
    assert "-copyts" in command.arguments


def test_a_chunk_is_cut_on_the_grid() -> None:
    first, second = (
        graph(video_chunk(PLAN, chunk, SOURCE, FOLDER, SETTINGS)) for chunk in PLAN.chunks
    )

    assert first.startswith("[0:0]fps=fps=25/1:start_time=0[s0];[s0]trim=end_pts=750:start_pts=0")
    assert second.startswith("[0:0]fps=fps=25/1[s0];[s0]tpad=stop_duration=1:stop_mode=clone")
    assert "trim=end_pts=1500:start_pts=750" in second


def test_one_decode_feeds_all_renditions() -> None:
    command = video_chunk(PLAN, PLAN.chunks[0], SOURCE, FOLDER, SETTINGS)

    assert command.arguments.count("-i") == 1
    assert "split=3" in graph(command)
    assert [f"{one.width}:{one.height}" in graph(command) for one in PLAN.video] == [True] * 3
    assert command.arguments.count("-map") == 3
    assert command.subfolders == ("h264-180p", "h264-136p", "h264-90p")


def test_key_frames_are_where_the_plan_wants_them() -> None:
    told = options(video_chunk(PLAN, PLAN.chunks[0], SOURCE, FOLDER, SETTINGS))

    assert (told["-g"], told["-keyint_min"], told["-sc_threshold"]) == ("50", "50", "0")
    assert told["-flags"] == "+cgop"
    assert told["-frames:v"] == "750"
    assert told["-fps_mode"] == "passthrough"


def test_segments_and_fragments_are_numbered_on() -> None:
    told = options(video_chunk(PLAN, PLAN.chunks[1], SOURCE, FOLDER, SETTINGS), output=1)

    assert told["-start_number"] == "5"
    assert told["-hls_time"] == "6.000000"
    assert told["-hls_segment_filename"] == "h264-136p/%05d.m4s"
    assert told["-avoid_negative_ts"] == "disabled"
    assert told["-hls_segment_options"] == (
        "movflags=+frag_discont+skip_sidx+skip_trailer:fragment_index=6:video_track_timescale=90000"
    )


def test_rates_are_capped_per_rendition() -> None:
    told = options(video_chunk(PLAN, PLAN.chunks[0], SOURCE, FOLDER, SETTINGS), output=2)

    assert told["-maxrate"] == str(PLAN.video[2].max_bitrate)
    assert told["-bufsize"] == str(PLAN.video[2].buffer_size)
    assert (told["-preset"], told["-crf"], told["-threads"]) == ("veryfast", "22", "2")


def test_a_segment_is_never_told_longer_than_it_is() -> None:
    odd = plan(media_info(rate=Rational(100, 7)), PlanSettings())

    told = options(video_chunk(odd, odd.chunks[0], SOURCE, FOLDER, SETTINGS))

    assert told["-hls_time"] == "6.090000"
    assert float(told["-hls_time"]) <= odd.segment_duration


def test_a_start_that_is_not_zero_is_shifted_to_zero() -> None:
    late = plan(media_info(start=1.4, audio_start=1.4), PlanSettings())
    assert late.audio is not None

    picture = graph(video_chunk(late, late.chunks[0], SOURCE, FOLDER, SETTINGS))
    sound = graph(audio(late, late.audio, SOURCE, FOLDER, SETTINGS))

    assert "setpts=PTS-1.400000/TB" in picture
    assert "asetpts=PTS-1.400000/TB" in sound


def test_audio_is_one_command_as_long_as_planned() -> None:
    assert PLAN.audio is not None

    command = audio(PLAN, PLAN.audio, SOURCE, FOLDER, SETTINGS)

    assert f"atrim=end_sample={PLAN.audio.sample_count}" in graph(command)
    assert options(command)["-b:a"] == "128000"
    assert command.subfolders == ("aac-128k",)
    assert command.frames == 0


def test_the_poster_is_one_picture() -> None:
    command = poster(PLAN, SOURCE, FOLDER, SETTINGS)

    assert options(command)["-frames:v"] == "1"
    assert "poster.jpg" in command.arguments
    assert inputs(command)[inputs(command).index("-ss") + 1] == "6.000000"


def test_the_poster_of_a_source_without_an_index_is_found_by_reading() -> None:
    stream = plan(media_info(seekable=False, start=1.4, audio_start=1.4), PlanSettings())

    command = poster(stream, SOURCE, FOLDER, SETTINGS)

    assert "-ss" not in command.arguments
    assert graph(command).startswith("[0:0]trim=start=7.400000")


@pytest.mark.parametrize("word", ["-xerror", "-nostdin", "-nostats"])
def test_every_encode_is_strict_and_reports(word: str) -> None:
    command = video_chunk(PLAN, PLAN.chunks[0], SOURCE, FOLDER, SETTINGS)

    assert word in command.arguments
    assert command.arguments[command.arguments.index("-progress") + 1] == "pipe:1"


def test_the_sample_is_twenty_seconds_long_and_needs_no_font(tmp_path: Path) -> None:
    command = sample(tmp_path / "sample.mp4")

    assert (command.seconds, command.frames) == (20.0, 600)
    assert "drawtext" not in graph(command)
    assert command.folder == tmp_path
