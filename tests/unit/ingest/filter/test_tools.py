"""What plug-ins look with: frames as viewers see them, and ffmpeg, which is confined."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import uvloop

from ingest.filter import FilterFailed, Subject, Tools
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg
from tests.unit.ingest.filter.subjects import subject_of


def seen_by(path: Path) -> Subject:
    """`path` as ingest sees it; plug-ins run where there is no event loop."""
    return uvloop.run(subject_of(path))


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path, seconds=60)


def test_frames_are_those_on_the_screen_at_even_times(tools: Tools) -> None:
    """Each second of the clip has a grey of its own, which begins a bit before the second."""
    grey = "color=black:size=64x64:rate=25:duration=6,geq=lum='40+30*floor(T+0.06)':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", grey, "-c:v", "libx264", "-qp", "0", "greys.mkv")
    subject = seen_by(FOLDER / "greys.mkv")

    frames = list(tools.frames(subject, rate=1, width=8, height=8))
    few = list(tools.frames(subject, rate=0.5, width=8, height=8))

    assert [frame.time for frame in frames] == [0, 1, 2, 3, 4, 5]
    steps = np.diff([float(frame.picture.mean()) for frame in frames])
    assert steps == pytest.approx([30 * 255 / 219] * 5, abs=2)
    assert [frame.time for frame in few] == [0, 2, 4]
    assert [frame.picture.mean() for frame in few] == [frames[n].picture.mean() for n in (0, 2, 4)]


def test_frames_are_turned_as_viewers_see_them(tools: Tools) -> None:
    sides = ("-f", "lavfi", "-i", "color=red:size=64x64:duration=1")
    other = ("-f", "lavfi", "-i", "color=blue:size=64x64:duration=1")
    ffmpeg(*sides, *other, "-filter_complex", "hstack", "sides.mp4")
    ffmpeg("-display_rotation", "90", "-i", "sides.mp4", "-c", "copy", "sides-turned.mp4")
    subject = seen_by(FOLDER / "sides-turned.mp4")
    assert subject.media.video.rotation == 90

    [frame] = tools.frames(subject, rate=1, width=16, height=32)

    # A quarter turn to the left: what was right is above.
    above, below = frame.picture[:12].mean(axis=(0, 1)), frame.picture[20:].mean(axis=(0, 1))
    assert above[2] > 200
    assert above[0] < 60
    assert below[0] > 200
    assert below[2] < 60


def test_a_plug_in_may_stop_looking_early(tools: Tools) -> None:
    subject = seen_by(clip("long.mp4", seconds=20, size="640x360"))

    for frame in tools.frames(subject, rate=30, width=640, height=360):
        if frame.time > 0.5:
            break

    assert frame.time == pytest.approx(16 / 30)


def test_ffmpeg_is_held_to_the_memory_of_the_filter(tmp_path: Path) -> None:
    subject = seen_by(clip("plain.mp4"))
    tools = Tools(tmp_path, seconds=60, memory=100 << 20)

    with pytest.raises(FilterFailed, match="ffmpeg"):
        list(tools.frames(subject, rate=1, width=8, height=8))


def test_ffmpeg_opens_no_other_file_and_no_connection(tools: Tools, tmp_path: Path) -> None:
    subject = seen_by(clip("plain.mp4"))
    other = clip("other.mp4")

    def join(name: str) -> None:
        with tools.ffmpeg(subject, f"movie={name}[m];[0:v][m]overlay", ("-f", "null", "-")):
            pass

    with pytest.raises(FilterFailed, match="ffmpeg says: Failed to avformat_open_input"):
        join(str(other))
    with pytest.raises(FilterFailed, match="Operation not permitted"):
        join("tcp\\\\://127.0.0.1\\\\:9")
    # In its own folder it may.
    (tmp_path / "other.mp4").write_bytes(other.read_bytes())
    join("other.mp4")


def test_what_cannot_be_decoded_is_a_failure(tools: Tools, tmp_path: Path) -> None:
    source = clip("plain.mp4")
    damaged = bytearray(source.read_bytes())
    middle = len(damaged) // 3
    damaged[middle : middle + 4000] = b"\xff" * 4000
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    broken = msgspec.structs.replace(seen_by(source), source=str(tmp_path / "damaged.mp4"))

    with pytest.raises(FilterFailed, match="The filter failed: ffmpeg says: ") as failed:
        list(tools.frames(broken, rate=30, width=8, height=8))

    assert str(tmp_path) not in str(failed.value)
    assert "0x" not in str(failed.value)


def test_progress_is_told_seldom(tmp_path: Path) -> None:
    told: list[float] = []
    tools = Tools(tmp_path, seconds=60, tell=told.append)

    for number in range(100_000):
        tools.progress(number / 50_000)

    assert len(told) <= 200
    assert told == sorted(told)
    assert max(told) == 1.0
