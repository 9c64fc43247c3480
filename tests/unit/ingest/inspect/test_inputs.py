"""What phones, cameras, discs and editors send, each described as it is."""

from pathlib import Path

import pytest

from ingest.inspect import InspectionLimits, MediaInfo, Rational
from ingest.inspect.media import ContentLight, MasteringDisplay
from ingest.inspect.probe import inspect
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg, jpegs, rewritten

LIMITS = InspectionLimits(wall_seconds=60)

FIELDS = ("-vf", "interlace", "-flags", "+ildct+ilme")
HDR10 = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none:hdr10=1:"
DISPLAY = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params")


async def found(path: Path) -> MediaInfo:
    return await inspect(path, LIMITS)


def made(name: str, *arguments: str) -> Path:
    """A file called `name`, made by ffmpeg with `arguments`."""
    ffmpeg(*arguments, name)
    return FOLDER / name


def written(name: str, text: str) -> str:
    (FOLDER / name).write_text(text)
    return name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fields.mp4", ("-c:v", "libx264")),
        ("fields.mkv", ("-c:v", "libx264")),
        ("fields.ts", ("-c:v", "mpeg2video")),
        ("fields.mov", ("-c:v", "prores_ks")),
    ],
)
async def test_interlaced_video_is_told(name: str, options: tuple[str, ...]) -> None:
    video = (
        await found(clip(name, *FIELDS, *options, size="160x96", rate="50", sound=False))
    ).video

    assert video.interlaced
    assert video.frame_rate == Rational(25)
    assert video.constant_frame_rate


async def test_a_film_that_only_begins_progressive_is_interlaced() -> None:
    begins = clip("begins.mpg", "-c:v", "mpeg2video", rate="25", seconds=0.4, sound=False)
    options = (*FIELDS, "-c:v", "mpeg2video", "-output_ts_offset", "0.4")
    goes_on = clip("goes-on.mpg", *options, rate="50", sound=False)
    mixed = rewritten(begins, "mixed.mpg", begins.read_bytes() + goes_on.read_bytes())

    assert not (await found(begins)).video.interlaced
    assert (await found(mixed)).video.interlaced


async def test_a_header_that_only_claims_fields_is_not_believed() -> None:
    source = clip("claims.mov", "-vf", "setfield=tff", "-c:v", "mjpeg", sound=False)

    assert not (await found(source)).video.interlaced


async def test_progressive_video_is_not_interlaced() -> None:
    assert not (await found(clip("plain.mp4"))).video.interlaced


@pytest.mark.parametrize("name", ["hdr10.mp4", "hdr10.mkv", "hdr10.ts"])
async def test_hdr10_is_found_with_its_display_and_light(name: str) -> None:
    options = (*X265, f"{HDR10}{DISPLAY}:max-cll=1000,400")

    video = (await found(clip(name, *options, sound=False, seconds=1))).video

    assert (video.color_primaries, video.color_transfer, video.color_matrix) == (9, 16, 9)
    assert video.pixel_format == "yuv420p10le"
    assert video.mastering_display == MasteringDisplay(
        red=(34_000, 16_000),
        green=(13_250, 34_500),
        blue=(7_500, 3_000),
        white=(15_635, 16_450),
        max_luminance=10_000_000,
        min_luminance=1,
    )
    assert video.content_light == ContentLight(max_content=1000, max_average=400)


async def test_hlg_is_found_without_them() -> None:
    params = "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc:log-level=none"

    video = (await found(clip("hlg.mov", *X265, params, sound=False, seconds=1))).video

    assert video.color_transfer == 18
    assert (video.mastering_display, video.content_light) == (None, None)


async def test_a_frame_may_have_data_of_a_kind_that_has_no_name() -> None:
    # What a camera says of each of its pictures: one entry, that this one is upright.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0"
    start, rest = jpegs()[0][:2], jpegs()[0][2:]
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (FOLDER / "exif.jpg").write_bytes(start + segment + rest)

    media = await found(made("exif.mov", "-c:v", "mjpeg", "-i", "exif.jpg", "-c", "copy"))

    assert (media.video.codec, media.video.mastering_display) == ("mjpeg", None)


@pytest.mark.parametrize(
    ("name", "options", "pixels"),
    [
        ("ten.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"), "yuv420p10le"),
        ("422.mov", ("-c:v", "prores_ks", "-profile:v", "3"), "yuv422p10le"),
        ("422.mkv", ("-c:v", "libx264", "-pix_fmt", "yuv422p"), "yuv422p"),
        ("444.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p"), "yuv444p"),
        (
            "alpha.mov",
            ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"),
            "yuva444p10le",
        ),
        ("alpha.webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-pix_fmt", "yuva420p"), "yuv420p"),
    ],
)
async def test_pixels_of_every_kind_are_taken(
    name: str, options: tuple[str, ...], pixels: str
) -> None:
    video = (await found(clip(name, *options, sound=False, seconds=1))).video

    # VP9's transparency is a stream of its own, which its decoder leaves alone.
    assert video.pixel_format.replace("12le", "10le") == pixels
    assert video.constant_frame_rate


async def test_an_edit_list_hides_what_is_before_it() -> None:
    clip("long.mp4", "-g", "300", seconds=4)
    source = made("cut.mp4", "-ss", "1.5", "-i", "long.mp4", "-c", "copy")

    media = await found(source)

    assert media.video.frame_count == 75
    assert media.video.first_timestamp == pytest.approx(0.0, abs=0.01)
    assert media.video.end_timestamp == pytest.approx(2.5, abs=0.02)
    assert media.video.constant_frame_rate


@pytest.mark.parametrize("name", ["later.ts", "later.mkv", "later.mp4", "later.flv"])
async def test_a_start_that_is_not_zero_is_kept(name: str) -> None:
    clip("from-zero.mp4")
    source = made(name, "-i", "from-zero.mp4", "-c", "copy", "-output_ts_offset", "10")

    video = (await found(source)).video

    assert video.first_timestamp >= 10
    assert video.end_timestamp - video.first_timestamp == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4", "late.ts"])
async def test_sound_that_starts_late_is_timed(name: str) -> None:
    clip("early.mp4")
    late = ("-i", "early.mp4", "-itsoffset", "0.7", "-i", "early.mp4")
    source = made(name, *late, "-map", "0:v", "-map", "1:a", "-c", "copy")

    media = await found(source)

    start = media.audio[0].first_timestamp - media.video.first_timestamp
    assert start == pytest.approx(0.7, abs=0.05)
    assert media.duration == pytest.approx(2.7, abs=0.1)


async def test_a_phone_s_video_is_turned_and_of_variable_rate() -> None:
    jitter = "settb=1/1000,setpts='PTS+12*sin(N*1.7)'"
    clip("jitter.mp4", "-vf", jitter, "-fps_mode", "vfr", "-enc_time_base", "1/1000")
    source = made("phone.mp4", "-display_rotation", "270", "-i", "jitter.mp4", "-c", "copy")

    video = (await found(source)).video

    assert video.rotation == 270
    assert not video.constant_frame_rate
    assert video.exact_timestamps
    assert video.frame_rate == Rational(30)
    assert video.frame_count == 60


async def test_b_frames_and_open_groups_are_taken() -> None:
    options = ("-c:v", "libx264", "-bf", "3", "-g", "15", "-x264-params", "open-gop=1")

    video = (await found(clip("open.mp4", *options))).video

    assert (video.first_timestamp, video.end_timestamp) == (0.0, 2.0)
    assert video.constant_frame_rate


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "50", "120"])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts", "flv", "avi"])
async def test_rates_are_exact_in_every_container(kind: str, rate: str) -> None:
    name = f"rate-{rate.replace('/', '-')}.{kind}"

    video = (await found(clip(name, rate=rate, sound=False))).video

    numerator, _, denominator = rate.partition("/")
    assert video.frame_rate == Rational(int(numerator), int(denominator or 1))
    assert video.constant_frame_rate


@pytest.mark.parametrize(("frames", "delay"), [("0", 0.0), ("2", 0.2)])
async def test_the_delay_of_key_frames_is_told(frames: str, delay: float) -> None:
    options = ("-bf", frames, "-x264-params", "b-adapt=0:b-pyramid=none", "-preset", "fast")

    video = (await found(clip(f"delay-{frames}.mp4", *options, rate="10"))).video

    assert video.key_frame_delay == pytest.approx(delay, abs=0.101)
    assert (video.key_frame_delay > 0) == (delay > 0)


async def test_sounds_have_their_languages_titles_and_a_preferred_one() -> None:
    clip("sounding.mp4")
    inputs = ("-i", "sounding.mp4", "-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "0:a")
    words = ("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng")
    title = ("-metadata:s:a:1", "title=  Director's\u202e\tcut\u0007", "-disposition:a", "0")
    preferred = ("-disposition:a:1", "default", "-c", "copy")

    sounds = (await found(made("tracks.mkv", *inputs, *words, *title, *preferred))).audio

    assert [(one.language, one.title, one.default) for one in sounds] == [
        ("ger", None, False),
        ("eng", "Director's cut", True),
        (None, None, False),
    ]


async def test_a_title_of_any_length_is_cut() -> None:
    clip("sounding.mp4")
    words = ("-metadata:s:a:0", f"title={'long ' * 1000}")

    (sound,) = (await found(made("titled.mkv", "-i", "sounding.mp4", *words, "-c", "copy"))).audio

    assert sound.title is not None
    assert len(sound.title) <= 100


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
async def test_channels_are_counted(layout: str, channels: int) -> None:
    source = clip(f"sound-{channels}.mkv", "-af", f"aformat=channel_layouts={layout}")

    assert (await found(source)).audio[0].channels == channels


@pytest.mark.parametrize(
    ("kind", "codec"), [("subrip", "subrip"), ("ass", "ass"), ("webvtt", "webvtt")]
)
async def test_subtitles_in_matroska_are_found(kind: str, codec: str) -> None:
    clip("subtitled.mp4")
    words = written("words.srt", "1\n00:00:00,500 --> 00:00:01,000\nHello\n")
    inputs = ("-i", "subtitled.mp4", "-i", words, "-map", "0", "-map", "1", "-map", "1")
    names = ("-metadata:s:s:0", "language=fre", "-metadata:s:s:0", "title=Forced ones")
    marks = ("-disposition:s:0", "default+forced", "-disposition:s:1", "hearing_impaired")

    media = await found(
        made(f"texts-{kind}.mkv", *inputs, *names, *marks, "-c", "copy", "-c:s", kind)
    )

    first, second = media.subtitles
    assert (first.index, first.codec, first.language, first.title) == (
        2,
        codec,
        "fre",
        "Forced ones",
    )
    assert (first.default, first.forced, first.hearing_impaired) == (True, True, False)
    assert (second.default, second.forced, second.hearing_impaired) == (False, False, True)


async def test_subtitles_in_mp4_are_found_and_not_shown_because_they_are_switched_on() -> None:
    clip("subtitled.mp4")
    words = written("words.srt", "1\n00:00:00,500 --> 00:00:01,000\nHello\n")
    inputs = ("-i", "subtitled.mp4", "-i", words, "-map", "0", "-map", "1")

    media = await found(
        made(
            "texts.mp4",
            *inputs,
            "-c",
            "copy",
            "-c:s",
            "mov_text",
            "-metadata:s:s:0",
            "language=ita",
        )
    )

    (text,) = media.subtitles
    assert (text.codec, text.language, text.default) == ("mov_text", "ita", False)


async def test_subtitles_that_are_pictures_are_left_out() -> None:
    clip("subtitled.mp4")
    words = written("words.srt", "1\n00:00:00,500 --> 00:00:01,000\nHello\n")
    inputs = ("-i", "subtitled.mp4", "-i", words, "-map", "0", "-map", "1", "-c", "copy")
    text = made("text.mkv", *inputs).read_bytes()
    picture = text.replace(b"S_TEXT/UTF8", b"S_VOBSUB\0\0\0")

    assert len((await found(FOLDER / "text.mkv")).subtitles) == 1
    assert picture != text
    assert (await found(rewritten(FOLDER / "text.mkv", "picture.mkv", picture))).subtitles == ()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pixel.mkv", ("-c:v", "ffv1")),
        ("pixel.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv444p10le")),
        ("pixel.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p")),
    ],
)
async def test_the_least_there_can_be_is_taken(name: str, options: tuple[str, ...]) -> None:
    pixel = ("-f", "lavfi", "-i", "color=red:size=1x1:rate=30", "-frames:v", "1")

    media = await found(made(name, *pixel, *options))

    assert (media.video.width, media.video.height, media.video.frame_count) == (1, 1, 1)
    assert media.duration == pytest.approx(1 / 30, abs=0.01)


@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv", "ts", "avi", "flv", "mpg"])
async def test_a_lone_frame_is_taken_in_every_container(kind: str) -> None:
    codec = ("-c:v", "mpeg2video") if kind == "mpg" else ()

    media = await found(clip(f"lone.{kind}", "-frames:v", "1", *codec, sound=False))

    assert media.video.frame_count == 1
    # MPEG's containers tell the rate of fields.
    assert media.video.frame_rate in {Rational(30), Rational(60)}


async def test_a_third_of_a_second_is_taken() -> None:
    media = await found(clip("brief.mp4", seconds=0.3))

    assert media.video.frame_count == 9


@pytest.mark.parametrize(("sound", "longest"), [("1", 2.0), ("3.5", 3.5)])
async def test_sound_may_be_longer_or_shorter_than_the_picture(sound: str, longest: float) -> None:
    clip("picture.mp4", sound=False)
    tone = ("-f", "lavfi", "-i", f"sine=duration={sound}")

    media = await found(made(f"sound-{sound}.mp4", "-i", "picture.mp4", *tone, "-c:v", "copy"))

    assert media.video.end_timestamp == pytest.approx(2.0, abs=0.01)
    assert media.audio[0].end_timestamp == pytest.approx(float(sound), abs=0.1)
    assert media.duration == pytest.approx(longest, abs=0.1)
