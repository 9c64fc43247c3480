"""Packages in players that are programs: two generations of ffmpeg, and GStreamer."""

import itertools
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction

import imageio_ffmpeg
import pytest

from ingest.plan import EncodingPlan
from ingest.standalone import Made
from tests.long.players.packages import (
    PACKAGES,
    WHOLE,
    film,
    film_package,
    made,
    turned_package,
)
from tests.long.players.served import Served, served
from tests.servers.parts import GSTREAMER, program

SAMPLES = 48_000
CLOCK = 90_000
"""Units per second of transport streams and of what times are compared in."""

QUIRKS = (
    # Its sources of HTTP cannot write down what they share.
    "No value transform to serialize field 'session'",
    # Said of every AV1 and Opus in MP4, of its own muxer too.
    "of av1C box",
    "unknown QuickTime node type Opus",
    # Variants of several levels have no caps in common.
    "Failed to create common caps",
)
"""What GStreamer 1.22 says of packages by others too."""


@pytest.fixture(scope="module")
def chunked() -> Made:
    return film_package()


@pytest.fixture(scope="module")
def upright() -> Made:
    return turned_package()


@pytest.fixture(scope="module")
def whole() -> Made:
    return made(film(), "whole", WHOLE)


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(PACKAGES) as running:
        yield running


def binary(generation: str) -> str:
    return imageio_ffmpeg.get_ffmpeg_exe() if generation == "wheel" else program("ffmpeg")


def times(generation: str, inputs: Sequence[str]) -> list[list[int]]:
    """When each decoded frame of each of ``inputs`` is shown or heard, on the clock.

    A decoder that has anything to say fails the test.
    """
    named = [word for one in inputs for word in ("-i", one)]
    mapped = [word for number in range(len(inputs)) for word in ("-map", f"{number}")]
    done = subprocess.run(
        [
            *(binary(generation), "-nostdin", "-v", "warning", "-copyts", *named, *mapped),
            *("-fps_mode", "passthrough", "-enc_time_base", f"1:{CLOCK}", "-f", "framecrc", "-"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    told: list[list[int]] = [[] for _ in inputs]
    for line in done.stdout.splitlines():
        if not line.startswith("#"):
            stream, _, shown, *_ = line.split(",")
            told[int(stream)].append(int(shown))
    return told


def grid(plan: EncodingPlan, step: int = 1, start: int = 0) -> list[int]:
    """When the plan's frames are shown, on the clock."""
    ticks = CLOCK / plan.frame_rate.fraction
    return [start + int(number * ticks) for number in range(0, plan.frame_count, step)]


def sounds(plan: EncodingPlan) -> list[str]:
    return [one.name for track in plan.audio for one in track.renditions]


@pytest.mark.parametrize("generation", ["wheel", "debian"])
def test_ffmpeg_shows_every_frame_of_every_codec_when_it_is_planned(
    chunked: Made, server: Served, generation: str
) -> None:
    plan = chunked.plan
    names = [one.name for one in plan.video]
    assert {one.codec.value for one in plan.video} == {"h264", "hevc", "av1"}
    assert len(plan.chunks) > 1

    shown = times(generation, [f"{server.address}/film/{name}/playlist.m3u8" for name in names])

    assert dict(zip(names, shown, strict=True)) == {
        one.name: grid(plan, one.frame_step) for one in plan.video
    }


@pytest.mark.parametrize("generation", ["wheel", "debian"])
def test_ffmpeg_shows_every_frame_of_transport_streams(
    chunked: Made, server: Served, generation: str
) -> None:
    names = [one.name for one in chunked.plan.video if one.name.startswith("h264")]

    shown = times(generation, [f"{server.address}/film/ts-{name}/playlist.m3u8" for name in names])

    [start] = {each[0] for each in shown}
    assert shown == [grid(chunked.plan, start=start)] * len(names)


@pytest.mark.parametrize("generation", ["wheel", "debian"])
@pytest.mark.parametrize("version", ["film", "whole"])
def test_ffmpeg_shows_key_frames_and_no_others_of_their_playlists(
    chunked: Made, whole: Made, server: Served, generation: str, version: str
) -> None:
    plan = {"film": chunked, "whole": whole}[version].plan
    names = [one.name for one in plan.video]
    twins = [f"ts-{name}" for name in names if name.startswith("h264")]

    shown = times(
        generation,
        [f"{server.address}/{version}/{name}/iframes.m3u8" for name in (*names, *twins)],
    )

    keys = grid(plan)[:: plan.keyframe_interval]
    assert len(keys) == 7
    # The clock of transport streams shows 10 seconds at the start.
    later = [time + 10 * CLOCK for time in keys]
    assert shown == [keys] * len(names) + [later] * len(twins)


@pytest.mark.parametrize("generation", ["wheel", "debian"])
def test_ffmpeg_hears_all_sound_without_a_hole(
    chunked: Made, server: Served, generation: str
) -> None:
    plan = chunked.plan

    heard = times(
        generation, [f"{server.address}/film/{name}/playlist.m3u8" for name in sounds(plan)]
    )

    for name, starts in zip(sounds(plan), heard, strict=True):
        frame = 1024 if name.startswith("aac") else 960
        length = CLOCK * frame // SAMPLES
        steps = {after - before for before, after in itertools.pairwise(starts[1:])}
        assert steps == {length}, name
        assert abs(starts[-1] + length - plan.duration * CLOCK) <= 2 * length, name


@pytest.mark.parametrize("generation", ["wheel", "debian"])
@pytest.mark.parametrize("profile", ["main", "ts", "audio-only"])
def test_ffmpeg_has_no_word_to_say_of_a_profile(
    chunked: Made, server: Served, generation: str, profile: str
) -> None:
    url = f"{server.address}/film/{profile}.m3u8"
    done = subprocess.run(
        [
            *(binary(generation), "-nostdin", "-v", "warning", "-i", url),
            *("-map", "0:v?", "-map", "0:a", "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    # Debian's generation reads no subtitles of HLS, and says so.
    said = [line for line in done.stderr.splitlines() if "Can't support the subtitle" not in line]
    assert said == []
    assert chunked.plan.subtitles


def gstreamer(*pipeline: str) -> tuple[list[str], list[Fraction]]:
    """What GStreamer complains of, and when its ``checksumsink`` is to show each buffer, in
    seconds."""
    done = subprocess.run(
        [program("gst-launch-1.0"), *pipeline],
        env={
            **os.environ,
            "GST_DEBUG": "2",
            "GST_DEBUG_NO_COLOR": "1",
            "GST_REGISTRY": str(GSTREAMER),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if not any(one in line for one in QUIRKS)]
    shown = re.findall(r"^(\d+):(\d\d):(\d\d\.\d{9}) ", done.stdout, re.MULTILINE)
    return said, [3600 * int(h) + 60 * int(m) + Fraction(s) for h, m, s in shown]


def decoded(url: str) -> tuple[list[str], list[Fraction]]:
    """The same of the one stream at ``url``."""
    return gstreamer("uridecodebin3", f"uri={url}", "!", "checksumsink", "sync=false")


def test_gstreamer_shows_every_frame_of_every_codec_on_the_grid(
    chunked: Made, server: Served
) -> None:
    plan = chunked.plan
    twins = [f"ts-{one.name}" for one in plan.video if one.name.startswith("h264")]
    for name in [*(one.name for one in plan.video), twins[-1]]:
        said, shown = decoded(f"{server.address}/film/{name}/playlist.m3u8")

        assert said == [], name
        # It reads no edit list of what is streamed, so that B-frames delay all.
        steps = [time - shown[0] for time in shown]
        assert steps == [n / plan.frame_rate.fraction for n in range(plan.frame_count)], name


def test_gstreamer_hears_all_sound_without_a_hole(chunked: Made, server: Served) -> None:
    for name in ("aac-128k", "opus-96k", "ts-aac-64k"):
        said, heard = decoded(f"{server.address}/film/{name}/playlist.m3u8")

        assert said == [], name
        length = Fraction(960 if "opus" in name else 1024, SAMPLES)
        assert abs(len(heard) * length - chunked.plan.duration) <= 2 * length, name
        assert max(
            abs(after - before - length) for before, after in itertools.pairwise(heard)
        ) < Fraction(1, 10**6), name


def test_gstreamer_plays_picture_and_sound_together(upright: Made, server: Served) -> None:
    said, shown = gstreamer(
        *("playbin3", f"uri={server.address}/turned/main.m3u8"),
        *("video-sink=checksumsink sync=false", "audio-sink=fakesink sync=false"),
    )

    assert said == []
    assert len(shown) == upright.plan.frame_count


def test_chunks_and_the_whole_have_the_same_frames(chunked: Made, whole: Made) -> None:
    assert len(whole.plan.chunks) == 1 < len(chunked.plan.chunks)
    names = [one.name for one in whole.plan.video] + ["aac-128k", "aac-64k-2"]

    one, other = (
        times("wheel", [str(PACKAGES / version / name / "playlist.m3u8") for name in names])
        for version in ("film", "whole")
    )

    assert one == other
    assert [len(each) for each in one[: len(whole.plan.video)]] == [
        whole.plan.frame_count for _ in whole.plan.video
    ]
