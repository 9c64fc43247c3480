"""Parts that are not as planned."""

from collections.abc import Callable

import msgspec
import pytest

from common.hls import VideoRange
from ingest.package import PackageInvalid, Part, package
from tests.unit.ingest.package.packaged import (
    BEST,
    PARTS,
    PLAN,
    RICH,
    RICH_PARTS,
)
from tests.unit.ingest.package.parts import with_init, with_segment


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda parts: (), "none of it was encoded"),
        (lambda parts: parts[:1], "parts: 1, planned 2"),
        (lambda parts: parts[::-1], "segments in c0001a1: 6, planned 5"),
        (lambda parts: with_init(parts, 1, sha256="0" * 64), "different init segments"),
        (lambda parts: with_segment(parts, 0, 2, sample_count=179), "frames in 00002.m4s: 179"),
        (lambda parts: with_segment(parts, 1, 0, decode_time=0), "decode time of 00005.m4s: 0"),
        (lambda parts: with_segment(parts, 0, 0, duration=1), "duration of 00000.m4s: 1"),
        (lambda parts: with_segment(parts, 0, 0, name="00009.m4s"), "name: 00009.m4s"),
        (lambda parts: with_segment(parts, 0, 0, starts_with_sync=False), "with a key frame"),
        (lambda parts: with_segment(parts, 0, 0, key_frames=()), "key frames of 00000.m4s"),
        (
            lambda parts: [
                msgspec.structs.replace(one, facts=msgspec.structs.replace(one.facts, init=None))
                for one in parts
            ],
            "different init segments",
        ),
    ],
)
def test_video_that_is_not_as_planned_is_refused(
    change: Callable[[tuple[Part, ...]], tuple[Part, ...]], reason: str
) -> None:
    with pytest.raises(PackageInvalid, match=reason) as refused:
        package(PLAN, PARTS | {BEST: change(PARTS[BEST])})

    assert str(refused.value).startswith("The rendition h264-1080p cannot be packaged: ")


@pytest.mark.parametrize(
    "changes",
    [{"timescale": 1000}, {"width": 640}, {"height": 722}, {"video_range": VideoRange.PQ}],
    ids=str,
)
def test_another_picture_or_clock_is_refused(changes: dict[str, object]) -> None:
    parts = tuple(PARTS[BEST])
    for number in range(len(parts)):
        parts = tuple(with_init(parts, number, **changes))

    with pytest.raises(PackageInvalid):
        package(PLAN, PARTS | {BEST: parts})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda parts: (), "none of it was encoded"),
        (lambda parts: parts * 2, "parts: 2, planned 1"),
        (lambda parts: with_segment(parts, 0, 1, decode_time=7), "decode time of 00001.m4s"),
        (lambda parts: with_segment(parts, 0, 0, duration=400_000), "00000.m4s is too long"),
        (lambda parts: with_segment(parts, 0, 10, duration=1024), "seconds, not 62.000 as"),
        (lambda parts: with_init(parts, 0, channels=1), "channels: 1, planned 2"),
        (
            lambda parts: with_segment(
                with_segment(parts, 0, 0, duration=240_000), 0, 1, decode_time=240_000
            ),
            "00001.m4s starts -1.000 seconds late",
        ),
    ],
)
def test_audio_that_is_not_as_planned_is_refused(
    change: Callable[[tuple[Part, ...]], tuple[Part, ...]], reason: str
) -> None:
    with pytest.raises(PackageInvalid, match=reason):
        package(PLAN, PARTS | {"aac-128k": change(PARTS["aac-128k"])})


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("subtitles-en", lambda parts: (), "none of it was encoded"),
        ("subtitles-en", lambda parts: parts * 2, "parts: 2, planned 1"),
        ("subtitles-en", lambda parts: with_segment(parts, 0, 1, duration=1), "duration of 00001"),
        ("subtitles-en", lambda parts: with_segment(parts, 0, 1, decode_time=1), "decode time"),
        ("subtitles-en", lambda parts: with_segment(parts, 0, 1, name="x.vtt"), "name: x.vtt"),
        ("ts-aac-64k", lambda parts: (), "none of it was encoded"),
        ("ts-h264-720p", lambda parts: parts[:1], "parts: "),
        ("ts-h264-720p", lambda parts: with_segment(parts, 0, 1, duration=1), "duration of 00001"),
        ("ts-h264-720p", lambda parts: with_segment(parts, 0, 1, name="1.ts"), "name: 1.ts"),
    ],
)
def test_subtitles_and_twins_that_are_not_as_planned_are_refused(
    name: str, change: Callable[[tuple[Part, ...]], tuple[Part, ...]], reason: str
) -> None:
    with pytest.raises(PackageInvalid, match=reason):
        package(RICH, RICH_PARTS | {name: change(RICH_PARTS[name])})
