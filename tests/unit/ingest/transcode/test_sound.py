"""What ffmpeg is told of sound, and of transport streams."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from ingest.plan import PlanSettings, plan
from ingest.transcode import sound, transport
from ingest.transcode.loudness import Correction, Loudness
from ingest.transcode.settings import TranscodeSettings
from tests.unit.ingest.media import media_info
from tests.unit.ingest.transcode.test_commands import FOLDER, SOURCE, graph, options

SETTINGS = TranscodeSettings()
PLAN = plan(
    media_info(start=1.4, audio_start=1.4, tracks=[("ger", None, False)]),
    PlanSettings(opus=True, audio_bitrates=(128_000,)),
    short=False,
)
FIRST, SECOND = PLAN.audio
AS_IT_IS = Correction(gain=0.0, limited=False)


def test_a_track_is_decoded_once_for_all_of_its_renditions() -> None:
    made = sound.encode(PLAN, SECOND, AS_IT_IS, SOURCE, FOLDER, SETTINGS)

    assert made.arguments.count("-i") == 1
    assert graph(made).startswith("[dec:0]asetpts=PTS-1.400000/TB")
    assert made.arguments[made.arguments.index("-map") + 1] == "0:2"
    assert "asplit=2" in graph(made)
    assert made.subfolders == ("aac-128k-2", "opus-96k-2")
    aac, opus = options(made, output=1), options(made, output=2)
    assert (aac["-c:a"], aac["-b:a"]) == ("aac", "128000")
    assert (opus["-c:a"], opus["-b:a"]) == ("libopus", "96000")


def test_a_track_is_as_long_as_planned() -> None:
    filters = graph(sound.encode(PLAN, FIRST, AS_IT_IS, SOURCE, FOLDER, SETTINGS))

    assert f"atrim=end_sample={FIRST.sample_count}" in filters
    assert f"apad=whole_len={FIRST.sample_count}" in filters


def test_a_segment_is_never_told_longer_than_it_is() -> None:
    odd = replace(PLAN, frame_rate=replace(PLAN.frame_rate, numerator=100, denominator=7))

    told = options(sound.encode(odd, FIRST, AS_IT_IS, SOURCE, FOLDER, SETTINGS), output=1)

    assert float(told["-hls_time"]) <= odd.segment_duration


def test_what_is_as_loud_as_it_should_be_is_not_touched() -> None:
    filters = graph(sound.encode(PLAN, FIRST, AS_IT_IS, SOURCE, FOLDER, SETTINGS))

    assert "volume" not in filters
    assert "alimiter" not in filters


def test_peaks_are_held_where_they_would_be_too_high() -> None:
    gained = sound.encode(PLAN, FIRST, Correction(-4.5, limited=False), SOURCE, FOLDER, SETTINGS)
    held = sound.encode(PLAN, FIRST, Correction(4.5, limited=True), SOURCE, FOLDER, SETTINGS)

    assert "volume=-4.50dB" in graph(gained)
    assert "alimiter" not in graph(gained)
    assert graph(held).index("volume=4.50dB") < graph(held).index("alimiter")


def test_what_is_measured_is_what_is_encoded() -> None:
    measured = graph(sound.measurement(PLAN, FIRST, SOURCE, FOLDER, SETTINGS))
    encoded = graph(sound.encode(PLAN, FIRST, AS_IT_IS, SOURCE, FOLDER, SETTINGS))

    before, meter, _ = measured.partition("ebur128")
    assert meter
    assert encoded.startswith(before.rpartition(";")[0])


def test_what_was_measured_is_read_from_its_end(tmp_path: Path) -> None:
    (tmp_path / sound.INTEGRATED_FILE).write_text(
        "lavfi.r128.I=-30\n" * 1000 + "lavfi.r128.I=-20\n"
    )
    (tmp_path / sound.PEAKS_FILE).write_text("lavfi.r128.true_peak=1.0\n")

    assert sound.measured(tmp_path) == Loudness(-20.0, 0.0)


def test_where_nothing_was_heard_nothing_was_measured(tmp_path: Path) -> None:
    assert sound.measured(tmp_path) is None


def test_segments_of_sound_end_at_the_same_frames_as_their_twins() -> None:
    playlist = "#EXTM3U\n#EXTINF:2.005333,\n00000.m4s\n#EXTINF:1.984000,\n1\n#EXTINF:0.300000,\n2\n"

    assert transport.sound_cuts(playlist, 48_000) == [94, 187]


def test_streams_are_copied_from_what_was_encoded(tmp_path: Path) -> None:
    transport.write_list(tmp_path, "h264-180p", range(5, 7))

    made = transport.copy(tmp_path, {"h264-180p": [150]}, 5, 12.0)

    assert (tmp_path / "h264-180p.txt").read_text().splitlines() == [
        "h264-180p/init.mp4",
        "h264-180p/00005.m4s",
        "h264-180p/00006.m4s",
    ]
    told = options(made)
    assert (told["-c"], told["-segment_frames"]) == ("copy", "150")
    assert (told["-muxdelay"], told["-muxpreload"]) == ("0", "0")
    assert made.subfolders == ("ts-h264-180p",)
    assert made.makes == ("ts-h264-180p/00006.ts",)
    assert made.reads == ()


@pytest.mark.parametrize(("wanted", "codec", "twins"), [(True, 0, True), (False, 0, False)])
def test_only_what_plain_players_know_has_a_twin(wanted: bool, codec: int, twins: bool) -> None:
    planned = replace(PLAN, transport_stream=wanted)

    assert transport.has_twin(planned, planned.video[codec]) is twins
