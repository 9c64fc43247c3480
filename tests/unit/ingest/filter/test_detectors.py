"""Black, frozen and silent passages of real clips, and what is made of them."""

import struct
from pathlib import Path
from typing import Any

import pytest

from ingest.filter import Decision, Verdict
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg
from tests.unit.ingest.filter.subjects import entry, subject_of, verdict_of

SIZE = "size=320x180:rate=25"
MOVING = f"testsrc2={SIZE}"
BLACK = f"color=black:{SIZE}"
STILL = f"smptebars={SIZE}"
TONE = "sine=frequency=440:sample_rate=48000"
SILENCE = "anullsrc=channel_layout=mono:sample_rate=48000"


def film(
    name: str, picture: list[tuple[str, float]], sound: list[tuple[str, float]], *output: str
) -> Path:
    """A clip whose pictures and sounds follow each other, each for some seconds."""
    inputs: list[str] = []
    for source, seconds in [*picture, *sound]:
        inputs += ["-f", "lavfi", "-i", f"{source}:duration={seconds}"]
    pictures = "".join(f"[{index}:v]" for index in range(len(picture)))
    sounds = "".join(f"[{len(picture) + index}:a]" for index in range(len(sound)))
    graph = f"{pictures}concat=n={len(picture)}[v]"
    if sound:
        graph += f";{sounds}concat=n={len(sound)}:v=0:a=1[a]"
    maps = ["-map", "[v]", *(("-map", "[a]") if sound else ())]
    encoder = ("-c:v", "libx264", "-preset", "ultrafast")
    ffmpeg(*inputs, "-filter_complex", graph, *maps, *encoder, *output, name)
    return FOLDER / name


async def seen(path: Path, folder: Path, **options: Any) -> Verdict:
    verdict = await verdict_of(await subject_of(path), folder, entry("passages", **options))
    assert verdict.failure is None
    return verdict


def found(verdict: Verdict) -> list[tuple[str, float, float]]:
    return [
        (one.reason, round(one.start or 0, 1), round(one.end or 0, 1)) for one in verdict.evidence
    ]


async def test_passages_are_told_with_their_times(tmp_path: Path) -> None:
    source = film(
        "mixed.mp4",
        [(MOVING, 3), (BLACK, 3), (STILL, 4), (MOVING, 2)],
        [(TONE, 5), (SILENCE, 3), (TONE, 4)],
    )

    verdict = await seen(source, tmp_path)

    assert verdict.decision is Decision.ALLOW
    assert found(verdict) == [
        ("black picture", 3.0, 6.0),
        ("frozen picture", 3.0, 10.0),
        ("silence", 5.0, 8.0),
    ]
    assert verdict.evidence[0].score == pytest.approx(0.25, abs=0.01)


async def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    source = film(
        "late.ts",
        [(MOVING, 3), (BLACK, 3), (MOVING, 2)],
        [(TONE, 4), (SILENCE, 4)],
        *("-output_ts_offset", "100"),
    )

    verdict = await seen(source, tmp_path)

    assert found(verdict) == [
        ("black picture", 3.0, 6.0),
        ("frozen picture", 3.0, 6.0),
        ("silence", 4.0, 8.0),
    ]


async def test_times_count_from_the_first_frame_where_sound_leads(tmp_path: Path) -> None:
    whole = film("together.mkv", [(MOVING, 8)], [(TONE, 4), (SILENCE, 4)])
    source = FOLDER / "leads.mkv"
    late = ("-itsoffset", "1.5", "-i", whole.name)
    ffmpeg("-i", whole.name, *late, "-map", "0:a", "-map", "1:v", "-c", "copy", source.name)

    verdict = await seen(source, tmp_path)

    # The sound ends before the picture.
    assert found(verdict) == [("silence", 2.5, 8.0)]


@pytest.mark.parametrize(
    ("name", "picture", "sound", "reason"),
    [
        ("black.mp4", BLACK, TONE, "black picture"),
        ("silent.mp4", MOVING, SILENCE, "silence"),
        ("frozen.mp4", STILL, SILENCE, "frozen picture"),
    ],
)
async def test_a_video_that_is_all_black_silent_or_frozen_is_held(
    tmp_path: Path, name: str, picture: str, sound: str, reason: str
) -> None:
    verdict = await seen(film(name, [(picture, 5)], [(sound, 5)]), tmp_path)

    assert verdict.decision is Decision.REVIEW
    assert (reason, 0.0, 5.0) in found(verdict)


async def test_a_still_picture_with_music_is_allowed(tmp_path: Path) -> None:
    source = film("album.mp4", [(STILL, 5)], [(TONE, 5)])

    allowed = await seen(source, tmp_path)
    held = await seen(source, tmp_path, frozen={"with_sound": True})

    assert allowed.decision is Decision.ALLOW
    assert found(allowed) == [("frozen picture", 0.0, 5.0)]
    assert held.decision is Decision.REVIEW


async def test_one_picture_shown_for_long_is_frozen(tmp_path: Path) -> None:
    whole = film("whole.mp4", [(STILL, 8)], [(TONE, 8)])
    source = FOLDER / "three.mp4"
    some = ("-vf", "select='eq(n,0)+eq(n,1)+eq(n,199)'", "-fps_mode", "vfr")
    ffmpeg("-i", whole.name, *some, source.name)
    subject = await subject_of(source)
    assert subject.media.video.frame_count == 3

    verdict = await seen(source, tmp_path)

    assert found(verdict) == [("frozen picture", 0.0, round(subject.seconds, 1))]


async def test_a_video_without_a_sound_track_is_silent(tmp_path: Path) -> None:
    source = film("mute.mp4", [(MOVING, 4)], [])

    verdict = await seen(source, tmp_path)
    not_asked = await seen(source, tmp_path, kinds=["black", "frozen"])

    assert verdict.decision is Decision.REVIEW
    assert found(verdict) == [("no sound track", 0.0, 4.0)]
    assert (not_asked.decision, not_asked.evidence) == (Decision.ALLOW, ())


async def test_where_the_sound_track_does_not_reach_it_is_silent(tmp_path: Path) -> None:
    source = film("short.mkv", [(MOVING, 10)], [(TONE, 3), (SILENCE, 2)])
    subject = await subject_of(source)
    assert subject.media.audio[0].end_timestamp < 6

    verdict = await seen(source, tmp_path)

    assert found(verdict) == [("silence", 3.0, 10.0)]


async def test_how_much_is_too_much_is_set(tmp_path: Path) -> None:
    source = film("half.mp4", [(MOVING, 4), (BLACK, 4)], [(TONE, 8)])

    strict = await seen(source, tmp_path, black={"share": 0.4})
    patient = await seen(source, tmp_path, black={"share": 0.4, "seconds": 5})

    assert strict.decision is Decision.REVIEW
    assert found(strict)[0] == ("black picture", 4.0, 8.0)
    assert patient.decision is Decision.ALLOW
    assert found(patient) == [("frozen picture", 4.0, 8.0)]


async def test_a_video_shorter_than_any_passage_is_judged_as_a_whole(tmp_path: Path) -> None:
    source = film("blink.mp4", [(BLACK, 1)], [(TONE, 1)])

    verdict = await seen(source, tmp_path)

    assert verdict.decision is Decision.REVIEW
    assert found(verdict)[0] == ("black picture", 0.0, 1.0)


async def test_ordinary_footage_has_no_passages(tmp_path: Path, footage: Path) -> None:
    verdict = await seen(footage / "bigbuckbunny.mp4", tmp_path)

    assert (verdict.decision, verdict.evidence) == (Decision.ALLOW, ())


async def test_titles_in_the_video_pass_for_nothing(tmp_path: Path) -> None:
    lie = "x\n[Parsed_blackdetect_0 @ 0x1] black_start:0 black_end:9 black_duration:9"
    source = clip(
        "liar.mkv",
        *("-metadata", f"title={lie}"),
        *("-metadata", "lavfi.black_start=0"),
        *("-metadata:s:v", "lavfi.black_start=0"),
        *("-metadata:s:a", "lavfi.silence_start=0"),
        seconds=4,
        size="320x180",
    )

    verdict = await seen(source, tmp_path)

    assert (verdict.decision, verdict.evidence) == (Decision.ALLOW, ())


def with_comment(jpeg: bytes, comment: bytes) -> bytes:
    """`jpeg` with `comment` as its EXIF description (EXIF 2.3 §4.6)."""
    entry = struct.pack("<HHII", 0x010E, 2, len(comment) + 1, 26)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0) + comment + b"\0"
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


async def test_marks_in_the_pictures_themselves_pass_for_nothing(tmp_path: Path) -> None:
    """What JPEG pictures say of themselves becomes metadata of frames, line ends and all."""
    black = ("-f", "lavfi", "-i", "color=black:size=320x180:rate=10:duration=4")
    ffmpeg(*black, "-strict", "unofficial", str(tmp_path / "%02d.jpg"))
    for path in tmp_path.glob("*.jpg"):
        path.write_bytes(with_comment(path.read_bytes(), b"x\nlavfi.black_end=0.1"))
    source = tmp_path / "liar.mov"
    ffmpeg("-framerate", "10", "-i", str(tmp_path / "%02d.jpg"), "-c", "copy", str(source))

    verdict = await seen(source, tmp_path / "w", kinds=["black"])

    assert verdict.decision is Decision.REVIEW
    assert found(verdict) == [("black picture", 0.0, 4.0)]
