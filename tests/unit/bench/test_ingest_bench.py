"""What the benchmark of ingest measures becomes judgements, tables and a picture."""

import sys
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError
from xml.etree import ElementTree as ET

import msgspec
import pytest

from ingest.plan import AudioCodec, AudioRendition, AudioTrack, VideoCodec, VideoRendition
from ingest.transcode.settings import TranscodeSettings
from tests.bench.ingest.cost import Cost, cost_of, middle
from tests.bench.ingest.quality import Quality, size_of
from tests.bench.ingest.report import (
    FULL,
    LEFT,
    Row,
    as_fast,
    as_good,
    as_many,
    as_small,
    page,
    picture,
    seconds,
    steps_table,
    table,
)
from tests.bench.ingest.rival import rival
from tests.unit.ingest.plans import make_plan

ROW = Row("encodes alone, wall time", "10.0 s", "9.8 s", "1.020", "≤ 1.05", 1.02 / 1.05)
VIDEO = tuple(
    VideoRendition(f"{codec}-720p", 1280, 720, 3_000_000, 6_000_000, codec) for codec in VideoCodec
)
SOUND = AudioTrack(
    *(1, None, "Audio", True, 480_000, -23.0),
    (AudioRendition("aac-128k", AudioCodec.AAC, 128_000, 2, 48_000),),
)
SETTINGS = TranscodeSettings(constant_rate_factor=21, hevc_rate_factor=23, av1_rate_factor=31)
SVG = "{http://www.w3.org/2000/svg}"


def costs(*walls: float, cpu: float = 1.0) -> list[Cost]:
    return [Cost(wall, cpu) for wall in walls]


def cells(text: str, line: int) -> list[str]:
    """The cells of one line of a Markdown table."""
    return [cell.strip() for cell in text.splitlines()[line].strip("|").split("|")]


def drawn(*rows: Row) -> ET.Element:
    return ET.fromstring(picture(rows, "Heading", "Foot"))


def bars(image: ET.Element) -> list[ET.Element]:
    return [one for one in image.iter(f"{SVG}rect") if one.get("x") == str(LEFT)]


def test_speed_is_judged_by_wall_time_and_by_cpu_time() -> None:
    wall, cpu = as_fast("all", [Cost(10.0, 22.0)], [Cost(10.0, 20.0)])

    assert (wall.name, wall.told, wall.met) == ("all, wall time", "1.000", True)
    assert (cpu.name, cpu.told, cpu.met) == ("all, CPU time", "1.100", False)


def test_a_ratio_is_the_median_of_those_of_each_round() -> None:
    """A round in which the machine was slow for both tells as much as another."""
    wall, _ = as_fast("all", costs(10, 200, 10), costs(10, 200, 20))

    assert wall.told == "1.000"


@pytest.mark.parametrize(("wall", "met"), [(0.5, True), (1.05, True), (1.0501, False)])
def test_speed_may_be_a_twentieth_less(wall: float, met: bool) -> None:
    assert as_fast("all", costs(wall), costs(1.0))[0].met is met


@pytest.mark.parametrize(("two", "met"), [(5.0, True), (5.5, True), (5.51, False)])
def test_two_workers_take_little_more_than_half_of_the_time_of_one(two: float, met: bool) -> None:
    row = as_many([two], [10.0])

    assert (row.ours, row.other, row.met) == (f"{two:.1f} s", "10.0 s", met)


@pytest.mark.parametrize(
    ("vmaf", "told", "met"),
    [(90.5, "+0.50", True), (89.5, "-0.50", True), (90.6, "+0.60", False), (89.4, "-0.60", False)],
)
def test_quality_is_as_that_of_the_unchunked_encode(vmaf: float, told: str, met: bool) -> None:
    row, _ = as_good({"a": Quality(vmaf, 100)}, {"a": Quality(90.0, 100)})

    assert (row.name, row.told, row.met) == ("a, VMAF", told, met)


@pytest.mark.parametrize(
    ("size", "told", "met"),
    [(103, "+3.0%", True), (97, "-3.0%", True), (104, "+4.0%", False), (96, "-4.0%", False)],
)
def test_sizes_are_as_those_of_the_unchunked_encode(size: int, told: str, met: bool) -> None:
    _, row = as_good({"a": Quality(90.0, size)}, {"a": Quality(90.0, 100)})

    assert (row.name, row.told, row.met) == ("a, size", told, met)


def test_every_rendition_has_its_quality_and_its_size_held_beside_its_twin() -> None:
    ours = {"high": Quality(95.0, 200), "low": Quality(80.0, 100)}
    theirs = {"low": Quality(80.0, 100), "high": Quality(95.0, 200)}

    rows = as_good(ours, theirs)

    assert [row.name for row in rows] == ["high, VMAF", "low, VMAF", "high, size", "low, size"]
    assert {row.used for row in rows} == {0.0}


def test_memory_is_judged_by_the_worst_way_of_uploading() -> None:
    assert as_small([89.0, 100.0]).told == "100 MB"
    assert as_small([89.0, 100.0]).met
    assert not as_small([89.0, 151.0]).met


def test_seconds_are_told_with_their_spread_where_there_is_one() -> None:
    assert seconds([3.0]) == "3.0 s"
    assert seconds([3.0, 1.0, 9.0]) == "3.0 s (1.0 to 9.0)"


def test_the_table_says_of_each_row_whether_it_is_met() -> None:
    text = table([ROW, replace(ROW, used=1.01)])

    assert cells(text, 2) == [
        *("encodes alone, wall time", "10.0 s", "9.8 s", "1.020", "≤ 1.05", "met"),
    ]
    assert cells(text, 3)[-1] == "**missed**"
    assert {line.count("|") for line in text.splitlines()} == {7}


def test_steps_are_told_with_their_share_of_all_cpu_time() -> None:
    rounds = [{"inspect": Cost(1.0, 1.0), "encode": Cost(5.0, 9.0)}]

    lines = steps_table(rounds)

    assert cells(lines, 2) == ["inspect", "1.00 s", "1.00 s", "10.0%"]
    assert cells(lines, 3) == ["encode", "5.00 s", "9.00 s", "90.0%"]


def test_the_page_has_the_rows_the_steps_and_where_it_was() -> None:
    rounds = [{"inspect": Cost(1.0, 1.0)}]

    text = page([ROW], rounds, "On a machine.")

    assert table([ROW]) in text
    assert steps_table(rounds) in text
    assert text.endswith("\nOn a machine.\n")


def test_the_middle_of_costs_is_that_of_each_kind() -> None:
    assert middle([Cost(1, 9), Cost(2, 1), Cost(3, 5)]) == Cost(2, 5)


def test_the_picture_is_well_formed_whatever_the_words() -> None:
    image = ET.fromstring(picture([replace(ROW, name="<b> & c")], "1 < 2", "]]>"))

    words = ["".join(one.itertext()) for one in image.iter(f"{SVG}text")]
    assert {"<b> & c", "1 < 2", "]]>"} <= set(words)


def test_a_bar_that_uses_all_that_is_allowed_ends_at_its_line() -> None:
    image = drawn(replace(ROW, used=1.0))
    (line,) = (one for one in image.iter(f"{SVG}line") if one.get("stroke-width") == "1.5")
    (bar,) = bars(image)

    assert LEFT + int(bar.get("width", "")) == int(line.get("x1", ""))


def test_a_bar_beyond_the_scale_ends_with_it() -> None:
    full, beyond = bars(drawn(replace(ROW, used=FULL), replace(ROW, used=40.0)))

    assert full.get("width") == beyond.get("width")


def test_a_bar_of_what_is_missed_has_another_colour() -> None:
    met, missed = bars(drawn(ROW, replace(ROW, used=1.01)))

    assert met.get("fill") != missed.get("fill")


def test_the_lowest_bar_is_inside_the_picture() -> None:
    image = drawn(*[ROW] * 30)
    lowest = bars(image)[-1]

    height = int(image.get("viewBox", "").split()[3])
    assert int(lowest.get("y", "")) + int(lowest.get("height", "")) < height


def test_a_cost_is_that_of_all_processes_below_the_command(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"

    cost = cost_of([sys.executable, "-c", starts], tmp_path / "log")

    assert cost.cpu > 0.3
    assert cost.wall > 0.3


def test_a_command_that_fails_has_no_cost_and_its_words_are_kept(tmp_path: Path) -> None:
    with pytest.raises(CalledProcessError) as failed:
        cost_of([sys.executable, "-c", "import sys; print('no'); sys.exit(3)"], tmp_path / "log")

    assert (failed.value.returncode, failed.value.output) == (3, b"no\n")


def test_a_rendition_of_several_parts_is_as_large_as_its_segments_and_one_init_segment(
    tmp_path: Path,
) -> None:
    for part in ("c0000a1", "c0001a1"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "init.mp4").write_bytes(bytes(10))
        (tmp_path / part / "00000.m4s").write_bytes(bytes(100))
    (tmp_path / "playlist.m3u8").write_bytes(bytes(1000))

    assert size_of(tmp_path) == 210


def rival_words(folder: Path, sound: AudioTrack = SOUND) -> list[str]:
    plan = make_plan(seconds=10, video=VIDEO, audio=(sound,))
    return rival(plan, Path("source.mp4"), folder, SETTINGS)


def test_the_rival_is_one_command_that_decodes_once_and_makes_every_rendition(
    tmp_path: Path,
) -> None:
    words = rival_words(tmp_path)

    names = ["h264-720p", "hevc-720p", "av1-720p", "aac-128k"]
    assert words.count("-i") == 1
    assert [words[at + 1] for at, word in enumerate(words) if word == "-map"] == [
        f"[{name}]" for name in names
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_the_rivals_encoders_are_set_as_the_pipelines(tmp_path: Path) -> None:
    words = rival_words(tmp_path)

    told = {
        option: [words[at + 1] for at, word in enumerate(words) if word == option]
        for option in ("-c:v", "-crf", "-preset", "-g", "-maxrate", "-bufsize", "-b:a")
    }
    assert told == {
        "-c:v": ["libx264", "libx265", "libsvtav1"],
        "-crf": ["21", "23", "31"],
        "-preset": ["fast", "fast", "8"],
        "-g": ["60"] * 3,
        "-maxrate": ["3000000"] * 3,
        "-bufsize": ["6000000"] * 3,
        "-b:a": ["128000"],
    }


def test_the_rival_changes_how_loud_sound_is_only_where_the_plan_does(tmp_path: Path) -> None:
    quiet = msgspec.structs.replace(SOUND, loudness=None)

    assert "loudnorm=I=-23.0" in " ".join(rival_words(tmp_path / "loud"))
    assert "loudnorm" not in " ".join(rival_words(tmp_path / "quiet", quiet))
