"""Inspecting real files: what is found in good ones, and the sentence for each bad one."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from ingest.inspect import InspectionLimits, Rational, UploadRefused
from ingest.inspect.errors import (
    CodecForbidden,
    ContainerForbidden,
    FileDamaged,
    FileEmpty,
    FileNotVideo,
    FileTruncated,
    FileUnreadable,
    FileUnsafe,
    InspectionInterrupted,
    InspectionTooCostly,
    InspectionTooSlow,
    VideoMissing,
    VideoUndecodable,
)
from ingest.inspect.limits import MediaLimits
from ingest.inspect.probe import inspect
from tests.unit.ingest.clips import clip, ffmpeg, jpegs, rewritten
from tests.unit.ingest.crafting import ebml, matroska

LIMITS = InspectionLimits(wall_seconds=30)

DASH_MANIFEST = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">
  <Period><BaseURL>file:///etc/passwd</BaseURL></Period>
</MPD>
"""


@pytest.fixture(scope="session")
def plain() -> Path:
    return clip("plain.mp4")


@pytest.fixture(scope="session")
def faststart() -> Path:
    return clip("faststart.mp4", "-movflags", "+faststart")


@pytest.fixture(scope="session")
def flash() -> Path:
    return clip("plain.flv")


@pytest.fixture(scope="session")
def transport_stream() -> Path:
    return clip("plain.ts", seconds=4, size="640x360")


async def test_an_mp4_file_is_described(plain: Path) -> None:
    media = await inspect(plain, LIMITS)

    assert media.container == "mov,mp4,m4a,3gp,3g2,mj2"
    assert media.byte_size == plain.stat().st_size
    assert media.duration == pytest.approx(2.0, abs=0.05)
    assert media.seekable
    video = media.video
    assert (video.codec, video.width, video.height, video.frame_count) == ("h264", 160, 90, 60)
    assert video.frame_rate == Rational(30)
    assert video.constant_frame_rate
    assert video.exact_timestamps
    assert video.rotation == 0
    assert video.sample_aspect_ratio == Rational(1)
    assert (video.first_timestamp, video.end_timestamp) == (0.0, 2.0)
    [audio] = media.audio
    assert (audio.codec, audio.channels, audio.sample_rate) == ("aac", 1, 44100)
    assert audio.language is None


@pytest.mark.parametrize(
    ("name", "options", "container", "seekable"),
    [
        ("kinds.mkv", (), "matroska,webm", True),
        ("kinds.webm", ("-c:v", "libvpx", "-cpu-used", "8"), "matroska,webm", True),
        ("kinds.ts", (), "mpegts", False),
        ("kinds.mpg", ("-c:v", "mpeg2video"), "mpeg", False),
        ("kinds.avi", ("-c:v", "mpeg4"), "avi", False),
        ("kinds.flv", (), "flv", False),
        ("kinds.ogv", ("-c:v", "libvpx", "-cpu-used", "8"), "ogg", False),
        ("kinds.mov", ("-c:v", "mjpeg"), "mov,mp4,m4a,3gp,3g2,mj2", True),
    ],
)
async def test_every_real_container_is_taken(
    name: str, options: tuple[str, ...], container: str, seekable: bool
) -> None:
    media = await inspect(clip(name, *options), LIMITS)

    assert media.container == container
    assert media.seekable == seekable
    assert media.video.frame_rate == Rational(30)
    assert media.video.frame_count == pytest.approx(60, abs=1)
    assert len(media.audio) == 1


async def test_silent_films_have_no_audio() -> None:
    media = await inspect(clip("silent.mp4", sound=False), LIMITS)

    assert media.audio == ()


async def test_rotation_is_read(plain: Path) -> None:
    ffmpeg("-display_rotation", "90", "-i", plain.name, "-c", "copy", "turned.mp4")

    media = await inspect(plain.with_name("turned.mp4"), LIMITS)

    assert media.video.rotation == 90


async def test_sample_aspect_ratio_and_pixel_format_are_read() -> None:
    source = clip("wide.mp4", "-vf", "setsar=4/3,format=yuv444p", sound=False)

    media = await inspect(source, LIMITS)

    assert media.video.sample_aspect_ratio == Rational(4, 3)
    assert media.video.pixel_format == "yuv444p"


async def test_colours_are_code_points_of_h273() -> None:
    tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    source = clip("colours.mp4", "-vf", tags, sound=False)

    video = (await inspect(source, LIMITS)).video

    assert (video.color_primaries, video.color_transfer, video.color_matrix) == (1, 1, 1)
    assert not video.full_range


async def test_variable_frame_rate_is_told() -> None:
    source = clip("pauses.mp4", "-vf", "select='lt(mod(n,7),4)'", "-fps_mode", "vfr")

    video = (await inspect(source, LIMITS)).video

    assert not video.constant_frame_rate
    assert video.frame_rate == Rational(30)


async def test_a_film_rate_in_a_container_of_milliseconds_is_exact() -> None:
    source = clip("film.mkv", rate="24000/1001", seconds=3, sound=False)

    video = (await inspect(source, LIMITS)).video

    assert video.constant_frame_rate
    assert video.frame_rate == Rational(24000, 1001)


async def test_a_start_that_is_not_zero_is_told(transport_stream: Path) -> None:
    media = await inspect(transport_stream, LIMITS)

    assert media.video.first_timestamp > 1
    assert media.duration == pytest.approx(4.0, abs=0.1)


async def test_sound_that_leads_the_picture_is_timed(plain: Path) -> None:
    late = ("-itsoffset", "1.5", "-i", plain.name)
    ffmpeg("-i", plain.name, *late, "-map", "0:a", "-map", "1:v", "-c", "copy", "leads.mkv")

    media = await inspect(plain.with_name("leads.mkv"), LIMITS)

    assert media.audio[0].first_timestamp == pytest.approx(0.0, abs=0.05)
    assert media.video.first_timestamp == pytest.approx(1.5, abs=0.05)


async def test_a_lone_frame_is_a_video() -> None:
    source = clip("lone.mp4", "-frames:v", "1", sound=False)

    media = await inspect(source, LIMITS)

    assert media.video.frame_count == 1
    assert media.duration == pytest.approx(1 / 30, abs=0.01)


async def test_a_cover_picture_is_no_video(plain: Path) -> None:
    ffmpeg("-i", plain.name, "-frames:v", "1", "cover.jpg")
    cover = ("-i", "cover.jpg", "-map", "0:a", "-map", "1:v", "-disposition:v", "attached_pic")
    ffmpeg("-i", plain.name, *cover, "-c", "copy", "-strict", "unofficial", "song.mp4")

    with pytest.raises(VideoMissing, match="no video stream"):
        await inspect(plain.with_name("song.mp4"), LIMITS)


async def test_sound_alone_is_no_video(plain: Path) -> None:
    ffmpeg("-i", plain.name, "-vn", "-c", "copy", "sound.mp4")

    with pytest.raises(VideoMissing):
        await inspect(plain.with_name("sound.mp4"), LIMITS)


async def test_the_name_of_a_file_says_nothing(plain: Path) -> None:
    renamed = rewritten(plain, "renamed.m3u8", plain.read_bytes())

    assert (await inspect(renamed, LIMITS)).video.frame_count == 60


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()

    with pytest.raises(FileEmpty, match=r"^The file is empty\.$"):
        await inspect(tmp_path / "empty.mp4", LIMITS)


async def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="No such file"):
        await inspect(tmp_path / "missing.mp4", LIMITS)


@pytest.mark.parametrize(
    "content", [b"hello, world\n" * 100, bytes(range(256)) * 400, b"\0" * 100_000, b"\x1f\x8b"]
)
async def test_what_is_no_media_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "upload").write_bytes(content)

    with pytest.raises(UploadRefused) as refused:
        await inspect(tmp_path / "upload", LIMITS)

    assert isinstance(refused.value, FileNotVideo | ContainerForbidden)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '/etc/passwd'\n",
        "ffconcat version 1.0\nfile 'http://127.0.0.1:9/a.mp4'\n",
        DASH_MANIFEST,
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    ],
)
async def test_text_that_names_other_files_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "upload.mp4").write_text(text)

    with pytest.raises(UploadRefused) as refused:
        await inspect(tmp_path / "upload.mp4", LIMITS)

    assert isinstance(refused.value, FileNotVideo | ContainerForbidden)
    assert "passwd" not in str(refused.value)


async def test_a_playlist_of_a_real_file_is_refused(plain: Path) -> None:
    text = f"ffconcat version 1.0\nfile '{plain.name}'\n"

    with pytest.raises(ContainerForbidden):
        await inspect(rewritten(plain, "script.mp4", text.encode()), LIMITS)


async def test_a_picture_is_refused(plain: Path) -> None:
    ffmpeg("-i", plain.name, "-frames:v", "1", "picture.png")

    with pytest.raises(ContainerForbidden, match="MP4 or MOV"):
        await inspect(plain.with_name("picture.png"), LIMITS)


async def test_an_mp4_file_cut_before_its_index_is_truncated(plain: Path) -> None:
    content = plain.read_bytes()
    cut = rewritten(plain, "no-index.mp4", content[: content.index(b"moov") - 4])

    with pytest.raises(FileTruncated, match="moov"):
        await inspect(cut, LIMITS)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.999])
async def test_an_mp4_file_cut_behind_its_index_is_truncated(faststart: Path, share: float) -> None:
    content = faststart.read_bytes()
    cut = rewritten(faststart, "cut.mp4", content[: int(len(content) * share)])

    with pytest.raises(FileTruncated, match="ends too early"):
        await inspect(cut, LIMITS)


async def test_a_matroska_file_cut_in_the_middle_is_truncated() -> None:
    long = clip("long.mkv", seconds=6)
    content = long.read_bytes()
    cut = rewritten(long, "cut.mkv", content[: len(content) // 2])

    with pytest.raises(FileTruncated, match="promises 6"):
        await inspect(cut, LIMITS)


async def test_a_flash_file_cut_in_a_packet_is_truncated(flash: Path) -> None:
    content = flash.read_bytes()
    cut = rewritten(flash, "cut.flv", content[: len(content) // 2])

    with pytest.raises(FileTruncated):
        await inspect(cut, LIMITS)


def holed(transport_stream: Path, packets: int) -> Path:
    """The file without so many of the packets in its middle."""
    content = transport_stream.read_bytes()
    start, cut = (len(content) // 188 - packets) // 2 * 188, packets * 188
    return rewritten(transport_stream, f"{packets}.ts", content[:start] + content[start + cut :])


async def test_a_transport_stream_may_have_lost_packets(transport_stream: Path) -> None:
    whole = await inspect(transport_stream, LIMITS)

    found = await inspect(holed(transport_stream, 5), LIMITS)

    assert found.duration == pytest.approx(whole.duration, abs=0.05)


async def test_a_transport_stream_that_lost_its_middle_is_damaged(transport_stream: Path) -> None:
    half = transport_stream.stat().st_size // 188 // 2

    with pytest.raises(FileDamaged, match="of its video are not all there"):
        await inspect(holed(transport_stream, half), LIMITS)


async def test_a_stream_of_noise_cannot_be_decoded(plain: Path) -> None:
    content = bytearray(plain.read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    for place in range(start, end):
        content[place] = (place * 31 + 7) & 0xFF

    with pytest.raises((VideoUndecodable, FileDamaged)):
        await inspect(rewritten(plain, "noise.mp4", bytes(content)), LIMITS)


async def test_looking_takes_no_longer_than_allowed(plain: Path) -> None:
    started = time.monotonic()

    with pytest.raises(InspectionTooSlow, match=r"longer than 0\.05 seconds"):
        await inspect(plain, InspectionLimits(wall_seconds=0.05))

    assert time.monotonic() - started < 5


async def test_looking_takes_no_more_memory_than_allowed(plain: Path) -> None:
    limits = InspectionLimits(memory=type(LIMITS.memory)(100 << 20))

    # Python and FFmpeg say that they need more, or crash of it; either is the end.
    with pytest.raises((InspectionTooCostly, FileUnsafe)):
        await inspect(plain, limits)


async def ended_by(signal_number: int, folder: Path) -> UploadRefused:
    """What an inspection says whose process gets a signal while it reads."""
    # A pipe that nobody writes into is a file that takes for ever to read.
    source = folder / "upload"
    os.mkfifo(source)
    inspection = asyncio.create_task(inspect(source, LIMITS))
    # Nobody tells when a process has started.
    while not (readers := [pid for pid in children() if str(source) in command_line(pid)]):  # noqa: ASYNC110 -- see above
        await asyncio.sleep(0.01)
    os.kill(readers[0], signal_number)
    with pytest.raises(UploadRefused) as refused:
        await inspection
    return refused.value


def children() -> list[int]:
    paths = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(pid) for path in paths for pid in path.read_text().split()]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGSYS])
async def test_a_file_that_crashes_its_reader_is_refused(
    crash: signal.Signals, tmp_path: Path
) -> None:
    refusal = await ended_by(crash, tmp_path)

    assert isinstance(refusal, FileUnsafe)
    assert refusal.status == 422
    assert str(refusal).startswith("The file could not be read safely")


async def test_a_file_that_takes_too_much_processor_time_is_refused(tmp_path: Path) -> None:
    refusal = await ended_by(signal.SIGXCPU, tmp_path)

    assert isinstance(refusal, InspectionTooCostly)
    assert refusal.status == 422


async def test_a_reader_that_is_killed_from_outside_may_be_tried_again(tmp_path: Path) -> None:
    refusal = await ended_by(signal.SIGKILL, tmp_path)

    assert isinstance(refusal, InspectionInterrupted)
    assert refusal.status == 503


async def test_a_file_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable) as refused:
        await inspect(tmp_path / "missing", LIMITS)

    assert refused.value.status == 500


async def test_titles_in_any_encoding_are_no_mistake(plain: Path) -> None:
    ffmpeg("-i", plain.name, "-c", "copy", "-metadata", "title=Grusse", "titled.mp4")
    titled = plain.with_name("titled.mp4")
    latin = titled.read_bytes().replace(b"Grusse", "Grüße ".encode("latin-1"))

    assert (await inspect(rewritten(plain, "latin.mp4", latin), LIMITS)).video.frame_count == 60


async def test_sound_beside_one_that_is_taken_is_left_out(plain: Path) -> None:
    again = ("-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy", "-c:a:1", "ac3")
    ffmpeg("-i", plain.name, *again, "two.mp4")

    media = await inspect(plain.with_name("two.mp4"), LIMITS, MediaLimits(audio_codecs=("aac",)))

    assert [sound.codec for sound in media.audio] == ["aac"]


async def test_sound_that_no_decoder_is_for_is_refused() -> None:
    known = clip("pcm.mov", "-c:a", "pcm_s16le")
    unknown = rewritten(known, "unknown.mov", known.read_bytes().replace(b"sowt", b"zzzz"))

    with pytest.raises(CodecForbidden, match=r"^Sound in the codec unknown is not taken"):
        await inspect(unknown, LIMITS)


async def test_sound_in_no_codec_that_is_taken_is_refused(plain: Path) -> None:
    with pytest.raises(CodecForbidden, match=r"^Sound in the codec aac is not taken: use .* opus"):
        await inspect(plain, LIMITS, MediaLimits(audio_codecs=("opus", "mp3")))


async def test_subtitles_data_and_attachments_are_passed_over(plain: Path) -> None:
    folder = plain.parent
    (folder / "lines.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    more = ("-i", "lines.srt", "-map", "0", "-map", "1", "-attach", "lines.srt")
    named = ("-metadata:s:t", "mimetype=text/plain", "-c", "copy", "-c:s", "srt")
    ffmpeg("-i", plain.name, *more, *named, "rich.mkv")

    media = await inspect(folder / "rich.mkv", LIMITS)

    assert (media.video.index, len(media.audio)) == (0, 1)


async def test_a_language_is_told_only_where_it_is_one(plain: Path) -> None:
    told = {"deu": "deu", "en-GB": "en-GB", "x" * 3000: None, "<b>": None, "und": None}
    for word, language in told.items():
        tagged = ("-metadata:s:a:0", f"language={word}", "-c", "copy", "tagged.mkv")
        ffmpeg("-i", plain.name, *tagged)
        media = await inspect(plain.with_name("tagged.mkv"), LIMITS)
        assert media.audio[0].language == language


async def test_a_file_that_says_very_much_is_bounded(tmp_path: Path) -> None:
    track = ebml(0x22B59C, b"q" * 3_000_000) + ebml(0x536E, b"n" * 3_000_000)
    (tmp_path / "upload").write_bytes(matroska([b"\x80" + one for one in jpegs()], track=track))

    assert (await inspect(tmp_path / "upload", LIMITS)).video.frame_count == 25
