"""What ffmpeg is told of a chunk's pictures."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from common.hls import VideoRange
from ingest.inspect import Rational
from ingest.inspect.media import ContentLight, MasteringDisplay
from ingest.plan import EncodingPlan, PlanSettings, VideoCodec, plan
from ingest.transcode.command import Command
from ingest.transcode.commands import video_chunk
from ingest.transcode.sample import sample
from ingest.transcode.settings import Preset, TranscodeSettings
from tests.unit.ingest.media import media_info

SOURCE = Path("/videos/a film: the 100% [cut].mp4")
FOLDER = Path("/scratch/attempt")
SETTINGS = TranscodeSettings(preset=Preset.VERYFAST, threads=2)
PLANNED = PlanSettings(codecs=tuple(VideoCodec), chunk_seconds=30, first_seconds=None)
PLAN = plan(media_info(rate=Rational(25), width=320, height=180), PLANNED, short=False)


def command(planned: EncodingPlan = PLAN, chunk: int = 0, group: int = 0) -> Command:
    return video_chunk(
        planned, planned.groups[group], planned.chunks[chunk], SOURCE, FOLDER, SETTINGS
    )


def options(made: Command, output: int = 0) -> dict[str, str]:
    """Options of one output, each name with its value."""
    starts = [place for place, word in enumerate(made.arguments) if word == "-map"]
    ends = [*starts[1:], len(made.arguments)]
    words = made.arguments[starts[output] : ends[output]]
    return dict(zip(words[::2], words[1::2], strict=False))


def pairs(text: str) -> dict[str, str]:
    """Of ``key=value`` with colons between."""
    return dict(pair.split("=", 1) for pair in text.split(":"))


def graph(made: Command) -> str:
    return made.arguments[made.arguments.index("-filter_complex") + 1]


def with_source(**fields: object) -> EncodingPlan:
    return replace(PLAN, source=replace(PLAN.source, **fields))


def test_a_source_is_opened_as_what_it_was_inspected_as_and_from_files_only() -> None:
    made = command()

    words = made.arguments[: made.arguments.index("-i") + 2]
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert told == {
        "-f": "mov",
        "-codec_whitelist": "h264,aac",
        "-format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2",
        "-max_pixels": str(1920 * 1088),
        "-protocol_whitelist": "file",
        "-reinit_filter:v": "0",
        "-threads": "2",
        "-i": "file:/videos/a film: the 100% [cut].mp4",
    }


def test_a_later_chunk_is_sought_early() -> None:
    words = command(chunk=1).arguments

    assert words[words.index("-ss") + 1] == f"{30 - PLAN.source.seek_margin:.6f}"
    assert "-copyts" in words
    assert "-ss" not in command(chunk=0).arguments


def test_a_chunk_is_cut_on_the_grid() -> None:
    first, second = (graph(command(chunk=number)) for number in (0, 1))

    assert "trim=end_pts=750:start_pts=0" in first
    assert "tpad" not in first
    assert "tpad=stop_duration=1:stop_mode=clone" in second
    assert "trim=end_pts=1500:start_pts=750" in second


def test_one_decode_feeds_all_renditions_of_a_group() -> None:
    made = command()

    assert made.arguments.count("-i") == 1
    assert "split=3" in graph(made)
    assert [f"{one.width}:{one.height}" in graph(made) for one in PLAN.video[:3]] == [True] * 3
    assert made.arguments.count("-map") == 3
    assert made.subfolders == ("h264-180p", "h264-136p", "h264-90p")
    assert made.makes == tuple(f"{name}/00004.m4s" for name in made.subfolders)
    assert made.frames == 750


@pytest.mark.parametrize("group", range(3))
def test_key_frames_are_where_the_plan_wants_them(group: int) -> None:
    told = options(command(group=group))

    assert (told["-g"], told["-keyint_min"]) == ("50", "50")
    assert told["-frames:v"] == "750"
    assert told["-fps_mode"] == "passthrough"


def test_no_encoder_sets_key_frames_of_its_own() -> None:
    h264, hevc, av1 = (options(command(group=number)) for number in range(3))

    assert (h264["-sc_threshold"], h264["-flags"]) == ("0", "+cgop")
    assert pairs(hevc["-x265-params"]) == {
        "scenecut": "0",
        "open-gop": "0",
        "repeat-headers": "0",
        "info": "0",
        "log-level": "error",
        "pools": "2",
    }
    assert hevc["-tag:v"] == "hvc1"
    assert pairs(av1["-svtav1-params"]) == {"scd": "0", "lp": "2"}


def test_each_codec_has_its_preset_and_quality() -> None:
    told = [options(command(group=number)) for number in range(3)]

    assert [(one["-c:v"], one["-preset"], one["-crf"]) for one in told] == [
        ("libx264", "veryfast", str(SETTINGS.constant_rate_factor)),
        ("libx265", SETTINGS.hevc_preset.value, str(SETTINGS.hevc_rate_factor)),
        ("libsvtav1", str(SETTINGS.av1_preset), str(SETTINGS.av1_rate_factor)),
    ]


def test_rates_are_capped_per_rendition() -> None:
    for number, group in enumerate(PLAN.groups):
        told = options(command(group=number))
        best = PLAN.rendition(group.renditions[0])
        assert (told["-maxrate"], told["-bufsize"]) == (
            str(best.max_bitrate),
            str(best.buffer_size),
        )


def test_a_chunk_that_goes_on_begins_with_half_of_the_buffer() -> None:
    best = PLAN.rendition(PLAN.groups[0].renditions[0])

    assert options(command(chunk=1))["-rc_init_occupancy"] == str(best.buffer_size // 2)
    assert "-rc_init_occupancy" not in command(chunk=0).arguments


def test_segments_and_fragments_are_numbered_on() -> None:
    made = command(chunk=1)
    told = options(made, output=1)

    assert told["-segment_start_number"] == "5"
    assert told["-segment_frames"] == "150,300,450,600"
    assert told["-segment_header_filename"] == "h264-136p/init.mp4"
    assert "h264-136p/%05d.m4s" in made.arguments
    assert told["-avoid_negative_ts"] == "disabled"
    muxer = pairs(told["-segment_format_options"])
    assert muxer["fragment_index"] == "16"
    assert muxer["video_track_timescale"] == "90000"
    assert "+frag_keyframe" in muxer["movflags"]


def test_a_chunk_of_one_segment_is_cut_nowhere() -> None:
    short = replace(PLAN, chunks=(replace(PLAN.chunks[0], frame_count=100, segment_count=1),))

    assert int(options(command(short))["-segment_frames"]) > 10**9


def test_half_the_rate_takes_every_second_frame_and_half_of_all_numbers() -> None:
    slow = replace(PLAN, video=tuple(replace(one, frame_step=2) for one in PLAN.video))

    told = options(command(slow))
    assert graph(command(slow)).count("framestep=2") == 3
    assert (told["-g"], told["-frames:v"]) == ("25", "375")
    assert told["-segment_frames"] == "75,150,225,300"


def test_fields_become_frames_before_the_grid_is_laid() -> None:
    filters = graph(command(with_source(interlaced=True)))

    assert filters.index("bwdif=deint=interlaced:mode=send_field") < filters.index("fps=")
    assert "bwdif" not in graph(command())


def test_all_sdr_is_bt_709_in_limited_range() -> None:
    filters = graph(command())

    assert filters.count("format=yuv420p") == 3
    assert filters.count("color_primaries=bt709:color_trc=bt709:colorspace=bt709") == 3
    assert "zscale" not in filters


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"color_matrix": 6, "color_primaries": 6}, "matrixin=6"),
        ({"color_matrix": 5, "color_primaries": 5}, "primariesin=5"),
        ({"color_matrix": 9, "color_primaries": 9, "full_range": True}, "rangein=full"),
        # Small, and says nothing: BT.601.
        ({"color_matrix": 2, "color_primaries": 2}, "matrixin=6"),
    ],
)
def test_other_colors_are_converted_once_for_all(fields: dict[str, int], told: str) -> None:
    filters = graph(command(with_source(**fields)))

    assert filters.count("zscale") == 1
    assert filters.index("zscale") < filters.index("split")
    assert told in filters
    assert "in_range" not in filters


def test_high_definition_that_says_nothing_is_bt_709() -> None:
    planned = plan(media_info(), replace(PLANNED, codecs=()), short=False)
    silent = replace(planned, source=replace(planned.source, color_matrix=2, color_primaries=2))

    assert "zscale" not in graph(command(silent))


def test_full_range_alone_is_only_scaled() -> None:
    filters = graph(command(with_source(full_range=True)))

    assert "zscale" not in filters
    assert filters.count("in_range=pc") == 3


def test_transparent_pixels_are_laid_over_black() -> None:
    assert "premultiply=inplace=1" in graph(command(with_source(transparent=True)))


DISPLAY = MasteringDisplay(
    red=(34_000, 16_000),
    green=(13_250, 34_500),
    blue=(7_500, 3_000),
    white=(15_635, 16_450),
    max_luminance=10_000_000,
    min_luminance=50,
)


def hdr(video_range: VideoRange = VideoRange.PQ) -> EncodingPlan:
    source = replace(
        PLAN.source,
        video_range=video_range,
        color_matrix=9,
        color_primaries=9,
        mastering_display=DISPLAY,
        content_light=ContentLight(max_content=1000, max_average=400),
    )
    video = tuple(
        one if one.codec is VideoCodec.H264 else replace(one, video_range=video_range)
        for one in PLAN.video
    )
    return replace(PLAN, source=source, video=video)


@pytest.mark.parametrize("group", [1, 2])
def test_hdr_keeps_its_colors_in_ten_bits(group: int) -> None:
    filters = graph(command(hdr(), group=group))

    assert "format=yuv420p10le" in filters
    assert "color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc" in filters
    assert "tonemap" not in filters


def test_how_hdr_was_mastered_is_told_in_each_encoder_s_words() -> None:
    hevc, av1 = (options(command(hdr(), group=number)) for number in (1, 2))

    assert "hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)" in hevc["-x265-params"]
    assert "WP(15635,16450)L(10000000,50):max-cll=1000,400" in hevc["-x265-params"]
    assert "mastering-display=G(0.26500,0.69000)B(0.15000,0.06000)" in av1["-svtav1-params"]
    assert "L(1000.00000,0.00500):content-light=1000,400" in av1["-svtav1-params"]


def test_hlg_has_no_mastering() -> None:
    told = options(command(hdr(VideoRange.HLG), group=1))

    assert "master" not in told["-x265-params"]
    assert "color_trc=arib-std-b67" in graph(command(hdr(VideoRange.HLG), group=1))


@pytest.mark.parametrize(("video_range", "curve"), [(VideoRange.PQ, 16), (VideoRange.HLG, 18)])
def test_h264_of_hdr_is_tone_mapped_once_at_the_size_of_the_best(
    video_range: VideoRange, curve: int
) -> None:
    filters = graph(command(hdr(video_range)))

    assert filters.count("]tonemap=") == 1
    assert filters.index("scale=320:180") < filters.index(f"transferin={curve}")
    assert filters.index("]tonemap=") < filters.index("split")
    assert filters.count("format=yuv420p[") >= 3


@pytest.mark.parametrize("word", ["-max_error_rate", "-nostdin", "-nostats"])
def test_every_encode_is_strict_and_reports(word: str) -> None:
    made = command()

    assert word in made.arguments
    assert made.arguments[made.arguments.index("-progress") + 1] == "pipe:1"


def test_frames_of_another_size_are_brought_to_that_of_the_first_as_it_is_seen() -> None:
    turned = plan(media_info(width=320, height=180, rotation=90), PLANNED, short=False)

    assert "[0:0]scale=180:320:interl=-1" in graph(command(turned))


@pytest.mark.parametrize(("matrix", "renamed"), [(1, False), (9, False), (14, True), (200, True)])
def test_a_matrix_that_the_scaler_refuses_is_not_named(matrix: int, renamed: bool) -> None:
    named = "setparams=colorspace=bt709[" in graph(command(with_source(color_matrix=matrix)))

    assert named is renamed


def test_a_start_that_is_not_zero_is_shifted_to_zero() -> None:
    assert "setpts=PTS-1.400000/TB" in graph(command(with_source(origin=1.4)))


def test_the_sample_is_twenty_seconds_long_and_needs_no_font(tmp_path: Path) -> None:
    made = sample(tmp_path / "sample.mp4")

    assert (made.seconds, made.frames) == (20.0, 600)
    assert "drawtext" not in graph(made)
    assert made.folder == tmp_path
